"""Raw data that is not there."""

from pathlib import Path
from textwrap import dedent, indent

from ldm_pipelines.data.remote import RemoteFolder
from ldm_pipelines.errors import InputError


def missing(name: str, raw: Path | RemoteFolder | None, looked_for: str, get: str, layout: str) -> InputError:
    """The error for raw data that is not there: what, where to get it, how the folder must look, and the key.

    ``looked_for`` and ``get`` are phrases ("the key list church_outdoor_train.txt", "LSUN's archives, from its page
    (for research use)"); ``layout`` is a tree of the dataset's folder, one entry a line.
    """
    tree = indent(dedent(layout).strip("\n"), "    ")
    return InputError(
        f"dataset {name!r}: {looked_for} is not there{'' if raw is None else f' (looked in {raw})'}\n"
        f"  get: {get}\n"
        f"  the folder must look like this:\n{tree}\n"
        f"  if it lies elsewhere, set 'dataset_paths: {{{name}: /path/to/{name}}}' in conf/local/compute.yml"
    )
