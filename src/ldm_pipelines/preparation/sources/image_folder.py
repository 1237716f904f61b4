"""Any folder tree of images; the class is the parent folder's name, or a row of a labels file."""

from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path, PurePosixPath

from ldm_pipelines.data.decoding import READABLE_EXTENSIONS, UNSUPPORTED_EXTENSIONS, open_image
from ldm_pipelines.data.originals import is_relative
from ldm_pipelines.preparation.annotations.labels_file import read_labels
from ldm_pipelines.preparation.listing.entries import SHARD, Candidate, Entry, Listing, Refused, Shard
from ldm_pipelines.preparation.listing.files import (
    Signatures,
    extension,
    file_entry,
    names_below,
    parts,
    printable,
    signature,
)
from ldm_pipelines.preparation.listing.missing import missing
from ldm_pipelines.preparation.source_specs.image_folder import ImageFolderSource

GET = "your own images: any of the formats that Pillow reads, in folders"
LAYOUT = """
cat/1.jpg, cat/2.png ...     (a folder for each class)
dog/1.jpg ...
labels.csv                   (or all in one folder, with columns path,label; then set source.labels)
"""
_Found = tuple[str, str | None, str | None]
"""A path relative to the root, the class, and why it is refused if it is."""


def list_images(source: ImageFolderSource, raw: Path | None, name: str, image_size: int) -> Listing:
    """Images below ``raw``, sorted by path. Hidden files and folders are skipped, other files are counted by extension.

    With a labels file only its rows are images of the dataset; the rest counts as ``unlisted``. Without one, images
    right in the root have no class. Raises ``InputError`` where the folder or the labels file is not usable.
    """
    root = _existing_root(raw, name)
    ignored: Counter[str] = Counter()
    found: list[_Found] = []
    labels = None if source.labels is None else read_labels(root, source.labels)
    names = names_below(root)
    linked = set(names.linked_folders)
    for relative in sorted([*names.files, *names.linked_folders], key=parts):
        pure = PurePosixPath(relative)
        if labels is not None and relative in labels:
            found.append((relative, labels.pop(relative).label, None))
        elif relative in linked:
            found.append((relative, None, "a link to a folder is not followed; put the folder itself here"))
        elif extension(relative) not in READABLE_EXTENSIONS | UNSUPPORTED_EXTENSIONS:
            ignored[extension(relative) or "no extension"] += 1
        elif labels is not None:
            ignored["unlisted images"] += 1
        else:
            found.append((relative, printable(pure.parent.name) or None, None))
    for listed, row in (labels or {}).items():
        why = f"row {row.number} of {source.labels}: there is no such file (hidden ones are skipped)"
        found.append((listed, None, why))
    if source.labels is not None:
        ignored.subtract({Path(source.labels).suffix.lower(): 1})
    shards = [
        Shard(partial(_entries, root, chunk), name=printable(chunk[0][0]), size=len(chunk), first=first)
        for first in range(0, len(found), SHARD)
        if (chunk := found[first : first + SHARD])
    ]
    return Listing(shards, ignored={key: count for key, count in sorted(ignored.items()) if count > 0})


def _existing_root(raw: Path | None, name: str) -> Path:
    if raw is None or not raw.is_dir():
        raise missing(name, raw, "the folder of the images", GET, LAYOUT)
    return raw.resolve()


def _entries(root: Path, found: list[_Found]) -> Iterator[Entry]:
    files = Signatures(root)
    for relative, label, refused in found:
        if refused is not None:
            yield Refused(printable(relative), refused)
        elif printable(relative) == relative and is_relative(relative):
            yield file_entry(files, relative, label=label)
        else:
            yield _oddly_named(root, relative, label)


def _oddly_named(root: Path, relative: str, label: str | None) -> Entry:
    """Bytes that are no text, and backslashes, are not for tables: such a file can be packed, not left in place."""
    origin, path = printable(relative), root / relative
    if extension(relative) not in READABLE_EXTENSIONS or path.is_symlink() or not path.is_file():
        return Refused(origin, "not a regular image file, and a name that is no plain text; rename it")
    return Candidate(origin, label, partial(open_image, path), signature=signature(path.stat()))
