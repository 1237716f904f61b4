"""Any folder tree of images; the class is the parent folder's name, or a row of a labels file."""

import os
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NoReturn

from ldm_pipelines.data.decoding import READABLE_EXTENSIONS, UNSUPPORTED_EXTENSIONS, open_image
from ldm_pipelines.data.sources.labels_file import read_labels
from ldm_pipelines.data.sources.listing import Candidate, Listing, Refused
from ldm_pipelines.data.spec import ImageFolderSource
from ldm_pipelines.errors import InputError


def list_images(source: ImageFolderSource, raw: Path | None, name: str, image_size: int) -> Listing:
    """Images below ``raw``, sorted by path. Hidden files and folders are skipped, other files are counted by extension.

    With a labels file only its rows are images of the dataset; the rest counts as ``unlisted``. Without one, images
    right in the root have no class. Raises ``InputError`` where the folder or the labels file is not usable.
    """
    root = _existing_root(raw, name)
    ignored: Counter[str] = Counter()
    entries: list[Candidate | Refused] = []
    labels = None if source.labels is None else read_labels(root, source.labels)
    for path in _walk(root):
        relative = path.relative_to(root)
        extension = path.suffix.lower()
        if labels is not None and relative.as_posix() in labels:
            entries.append(_entry(root, path, labels.pop(relative.as_posix()).label))
        elif path.is_dir():
            entries.append(
                Refused(_printable(relative), "a link to a folder is not followed; put the folder itself here")
            )
        elif extension not in READABLE_EXTENSIONS | UNSUPPORTED_EXTENSIONS:
            ignored[extension or "no extension"] += 1
        elif labels is not None:
            ignored["unlisted images"] += 1
        else:
            parent = path.parent
            entries.append(_entry(root, path, None if parent == root else _printable(Path(parent.name))))
    for listed, row in (labels or {}).items():
        entries.append(
            Refused(listed, f"row {row.number} of {source.labels}: there is no such file (hidden ones are skipped)")
        )
    if source.labels is not None:
        ignored.subtract({Path(source.labels).suffix.lower(): 1})
    return Listing(entries, ignored={key: count for key, count in sorted(ignored.items()) if count > 0})


def _existing_root(raw: Path | None, name: str) -> Path:
    remedy = f"put the images there, or set 'dataset_paths: {{{name}: /path/to/images}}' in conf/local/compute.yml"
    if raw is None:
        raise InputError(f"dataset {name!r} has no image folder; {remedy}")
    if not raw.is_dir():
        problem = "is not a folder" if raw.exists() else "does not exist"
        raise InputError(f"the image folder of dataset {name!r} {problem}: {raw}; {remedy}")
    return raw.resolve()


def _walk(root: Path) -> Iterator[Path]:
    """Every visible file, and every visible link to a folder, in the order of their relative paths."""

    def refuse(error: OSError) -> NoReturn:
        raise InputError(f"the folder {error.filename} cannot be read: {error.strerror}") from error

    found = []
    for folder, subfolders, files in os.walk(root, onerror=refuse):
        subfolders[:] = [entry for entry in subfolders if not entry.startswith(".")]
        here = Path(folder)
        found += [here / entry for entry in files if not entry.startswith(".")]
        found += [here / entry for entry in subfolders if (here / entry).is_symlink()]
    yield from sorted(found, key=lambda path: path.relative_to(root).parts)


def _entry(root: Path, path: Path, label: str | None) -> Candidate | Refused:
    origin = _printable(path.relative_to(root))
    if path.suffix.lower() in UNSUPPORTED_EXTENSIONS:
        return Refused(origin, f"the format {path.suffix.lower()} is not supported; convert it to PNG or JPEG")
    if not Path(os.path.realpath(path)).is_relative_to(root):
        return Refused(origin, "the link leads out of the image folder; put the file itself here")
    if not path.exists():
        return Refused(origin, "the link leads nowhere")
    if not path.is_file():
        return Refused(origin, "not a regular file")
    status = path.stat()
    return Candidate(origin, label, partial(open_image, path), signature=f"{status.st_size}-{status.st_mtime_ns}")


def _printable(path: Path) -> str:
    """The path as valid Unicode: bytes of a file name that are no UTF-8 show as ``\\xff``."""
    return os.fsencode(path.as_posix()).decode("utf-8", errors="backslashreplace")
