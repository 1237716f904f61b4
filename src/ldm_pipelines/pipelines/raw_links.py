"""``data/01_raw``: where raw files are read and where DVC looks for them; what lies elsewhere has a link there."""

from pathlib import Path
from typing import TYPE_CHECKING

from ldm_pipelines.compute import Compute
from ldm_pipelines.errors import InputError

if TYPE_CHECKING:
    from ldm_pipelines.data.remote import RemoteFolder

CHECKPOINTS = "checkpoints"
"""The folder of the folders of checkpoints to import."""


def link_raw(raw: "Path | RemoteFolder", links: Path, name: str) -> None:
    """Make ``links/NAME`` lead to ``raw``, for all who read images in place; what is behind a URL is described there.

    Raises ``InputError`` where the place is taken.
    """
    from ldm_pipelines.data.prepared import remote_file

    place, remote = links / name, remote_file(links, name)
    if not isinstance(raw, Path):
        raw.write(remote)
        return
    remote.unlink(missing_ok=True)
    if place.exists() and place.samefile(raw):
        return
    if place.is_symlink():
        place.unlink()
    elif place.exists():
        raise InputError(f"{place} is in the way: images are in {raw}, and a link to it is needed there; move it away")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(raw.resolve(), target_is_directory=True)


def link_checkpoints(name: str, compute: Compute) -> Path:
    """The folder of the files to import, made to be in ``data/01_raw/checkpoints``; where it is not, its place.

    Raises ``InputError`` where ``dataset_paths`` has a URL, or the folder's place is taken.
    """
    place = compute.raw(name, default=f"{CHECKPOINTS}/{name}")
    if isinstance(place, str):
        raise InputError(f"dataset_paths.{name}: a checkpoint is read from a folder, not from {place}")
    if not place.is_dir():
        return place
    link_raw(place, compute.raw_links / CHECKPOINTS, name)
    return compute.raw_links / CHECKPOINTS / name
