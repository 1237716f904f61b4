"""Raw data that is not there."""

from pathlib import Path
from textwrap import dedent, indent

from ldm_pipelines.data.remote import RemoteFolder
from ldm_pipelines.errors import InputError

ARCHIVES = (".tar", ".tar.gz", ".tgz", ".zip", ".7z", ".rar", ".gz")
SHOWN = 3


def missing(
    name: str, raw: Path | RemoteFolder | None, looked_for: str, get: str, layout: str, unpacked: bool = True
) -> InputError:
    """The error for raw data that is not there: what, where to get it, how the folder must look, and the key.

    Archives that lie there are named where images have to be ``unpacked``.

    ``looked_for`` and ``get`` are phrases ("the key list church_outdoor_train.txt", "LSUN's archives, from its page
    (for research use)"); ``layout`` is a tree of the dataset's folder, one entry a line.
    """
    tree = indent(dedent(layout).strip("\n"), "    ")
    looked = "" if raw is None else f" (looked in {raw}{_found(raw, unpacked)})"
    return InputError(
        f"dataset {name!r}: {looked_for} is not there{looked}\n"
        f"  get: {get}\n"
        f"  the folder must look like this:\n{tree}\n"
        f"  if it lies elsewhere, set 'dataset_paths: {{{name}: /path/to/{name}}}' in conf/local/compute.yml"
    )


def _found(raw: Path | RemoteFolder, unpacked: bool) -> str:
    """What is there instead: a file where a folder must be, or archives that somebody has yet to unpack."""
    if not isinstance(raw, Path):
        return ""
    if raw.exists() and not raw.is_dir():
        return ", which is a file, not a folder"
    if not unpacked:
        return ""
    beside = raw.iterdir() if raw.is_dir() else raw.parent.glob(f"{raw.name}*") if raw.parent.is_dir() else ()
    archives = sorted(path.name for path in beside if path.name.lower().endswith(ARCHIVES) and path.is_file())
    if not archives:
        return ""
    more = f" and {len(archives) - SHOWN} more" if len(archives) > SHOWN else ""
    where = "in it are archives" if raw.is_dir() else "beside it are archives"
    return f"; {where}: {', '.join(archives[:SHOWN])}{more}; unpack those that hold what is missing"
