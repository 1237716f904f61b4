"""CelebA-HQ and FFHQ: image files in any folders, or in zip archives, with a fixed split by name."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from zipfile import BadZipFile, ZipFile

from ldm_pipelines.data.decoding import READABLE_EXTENSIONS, UNSUPPORTED_EXTENSIONS
from ldm_pipelines.data.originals import Location, NotInside, check_relative
from ldm_pipelines.errors import InputError
from ldm_pipelines.preparation.annotations.split_lists import SPLITS, UNLISTED, SplitLists, split_lists
from ldm_pipelines.preparation.listing.entries import SHARD, Candidate, Listing, Refused, Shard
from ldm_pipelines.preparation.listing.files import (
    Names,
    Signatures,
    file_entry,
    inside,
    linked_folder_entries,
    names_below,
    parts,
    printable,
    unsupported,
)
from ldm_pipelines.preparation.listing.missing import missing
from ldm_pipelines.preparation.source_specs.faces import FacesSource

GET = {
    "celebahq": "CelebA-HQ (made from CelebA by progressive growing of GANs' authors; for non-commercial research)",
    "ffhq": "FFHQ (its authors' images1024x1024; CC BY-NC-SA 4.0, each photograph under its own licence)",
}
"""By what the name of the dataset or of its list begins with."""
GET_LISTS = ", as PNG or JPEG; the two lists are in the released code of taming transformers"
LAYOUT = """
00000/00000.png ...      (any folders) or an archive such as data1024x1024.zip
{train_list}             (optional)
{validation_list}        (optional)
"""
ENCRYPTED = 1
"""Bit of a zip member's flags."""


class Face(NamedTuple):
    """An image file, or a member of a zip archive."""

    archive: str
    """Empty for a file."""
    name: str
    place: str = ""
    """Offset and size in the archive."""
    refused: str = ""
    """Why it is not even opened."""

    @property
    def stem(self) -> str:
        return PurePosixPath(self.name).stem


def list_images(source: FacesSource, raw: Path | None, name: str, image_size: int) -> Listing:
    """Files sorted by path, then archives' members. Images have no class.

    With both lists, images are matched by name without folder and extension, and the rest counts as unlisted.
    Raises ``InputError`` where there are no images, where two have the same name, and for unusable lists.
    """
    layout = LAYOUT.format(train_list=source.train_list, validation_list=source.validation_list)
    get = _get(name, source.train_list)
    if raw is None or not raw.is_dir():
        raise missing(name, raw, "the folder of the images", get, layout)
    key = f"dataset {name!r}: source"
    lists = split_lists(
        inside(raw, source.train_list, f"{key}.train_list"),
        inside(raw, source.validation_list, f"{key}.validation_list"),
    )
    walked = _walk(raw, source.images, name)
    ignored: Counter[str] = Counter()
    known = {source.train_list, source.validation_list}
    images = list(_images(raw, [file for file in walked.files if file not in known], ignored, name))
    if not images:
        raise missing(name, raw, f"not one image, in files or zip archives (only {_counted(ignored)}),", get, layout)
    _check_unique(images, name)
    codes = _by_lists(images, lists) if lists else _by_hash(images, source.validation, name)
    kept = [(image, code) for image, code in zip(images, codes, strict=True) if code != UNLISTED]
    if len(kept) < len(images):
        ignored["unlisted images"] = len(images) - len(kept)
    shards = [
        Shard(partial(_entries, raw, kept[first : first + SHARD]), name=kept[first][0].name,
              size=len(kept[first : first + SHARD]), first=first)
        for first in range(0, len(kept), SHARD)
    ]  # fmt: skip
    if walked.linked_folders:
        refuse = partial(linked_folder_entries, walked.linked_folders)
        shards.append(Shard(refuse, name="links to folders", size=len(walked.linked_folders), first=len(kept)))
    if lists:
        shards += lists.absent(first=len(kept) + len(walked.linked_folders))
    by = f"by {source.train_list} and {source.validation_list}"
    if not lists:
        by = f"by a hash of the names, {source.validation} for validation, without the lists {by.removeprefix('by ')}"
    return Listing(shards, ignored=dict(sorted(ignored.items())), split_by=by)


def _get(name: str, train_list: str) -> str:
    """Where it is from: of the one dataset that this is, or of both."""
    meant = [get for known, get in GET.items() if name.startswith(known) or train_list.startswith(known)]
    return " or ".join(meant or GET.values()) + GET_LISTS


def _walk(raw: Path, images: str | None, name: str) -> Names:
    if images is None:
        return names_below(raw)
    path = inside(raw, images, f"dataset {name!r}: source.images")
    if not path.exists():
        raise InputError(f"dataset {name!r}: there is no source.images {images!r} in {raw}")
    return names_below(raw, images) if path.is_dir() else Names((images,), (), ())


def _images(raw: Path, files: Sequence[str], ignored: Counter[str], name: str) -> Iterator[Face]:
    """Files, then archives' members. Counts what is neither by extension in ``ignored``."""
    for file in files:
        extension = PurePosixPath(file).suffix.lower()
        if extension in READABLE_EXTENSIONS | UNSUPPORTED_EXTENSIONS:
            yield Face("", file)
        elif extension != ".zip":
            ignored[extension or "no extension"] += 1
    for file in files:
        if file.lower().endswith(".zip"):
            yield from _members(inside(raw, file, f"dataset {name!r}"), file, ignored)


def _members(path: Path, archive: str, ignored: Counter[str]) -> Iterator[Face]:
    try:
        with ZipFile(path) as opened:
            infos = sorted(opened.infolist(), key=lambda info: parts(info.filename))
    except (BadZipFile, OSError, NotImplementedError) as error:
        raise InputError(
            f"{path} is not a zip archive that can be read ({error}); get it again, or remove it"
        ) from error
    for info in infos:
        extension = PurePosixPath(info.filename).suffix.lower()
        if info.is_dir() or any(part.startswith((".", "__MACOSX")) and part != ".." for part in parts(info.filename)):
            continue
        if extension not in READABLE_EXTENSIONS | UNSUPPORTED_EXTENSIONS:
            ignored[extension or "no extension"] += 1
            continue
        yield Face(
            archive, info.filename, f"{info.header_offset}-{info.file_size}", _refusal(info.filename, info.flag_bits)
        )


def _refusal(member: str, flags: int) -> str:
    extension = PurePosixPath(member).suffix.lower()
    if extension in UNSUPPORTED_EXTENSIONS:
        return unsupported(member)
    if flags & ENCRYPTED:
        return "the archive is encrypted; unpack it"
    try:
        check_relative(member)
    except NotInside as reason:
        return str(reason)
    return ""


def _check_unique(images: Sequence[Face], name: str) -> None:
    seen: dict[str, Face] = {}
    for image in images:
        other = seen.setdefault(image.stem, image)
        if other is not image:
            raise InputError(
                f"dataset {name!r}: two images have the name {printable(image.stem)!r}: {_origin(other)} and "
                f"{_origin(image)}; keep one copy of the images, or set 'source.images' to the folder or archive of one"
            )


def _by_lists(images: Sequence[Face], lists: SplitLists) -> list[int]:
    return lists.find([os.fsencode(image.stem) for image in images]).tolist()


def _by_hash(images: Sequence[Face], validation: int, name: str) -> list[int]:
    """Exactly ``validation`` images, those whose names have the smallest hashes, are for validation.

    Images that are refused by their format do not count.
    """
    usable = [n for n, image in enumerate(images) if not _refusal(image.name, 0)]
    if len(usable) <= validation:
        raise InputError(
            f"dataset {name!r}: source.validation is {validation} but there are only {len(usable)} images; "
            "make it smaller, or get all images"
        )
    ranked = sorted(usable, key=lambda n: sha256(os.fsencode(images[n].stem)).digest())
    codes = [SPLITS.index("train")] * len(images)
    for n in ranked[:validation]:
        codes[n] = SPLITS.index("validation")
    return codes


def _entries(raw: Path, images: Sequence[tuple[Face, int]]) -> Iterator[Candidate | Refused]:
    files = Signatures(raw)
    containers = {archive: files.of(archive) for archive in {image.archive for image, _ in images} - {""}}
    for image, code in images:
        if image.refused:
            yield Refused(_origin(image), image.refused)
        elif not image.archive:
            yield file_entry(files, image.name, split=SPLITS[code])
        else:
            yield Candidate(
                _origin(image),
                label=None,
                location=Location(image.archive, image.name),
                signature=f"{containers[image.archive]}-{image.place}",
                split=SPLITS[code],
            )


def _origin(image: Face) -> str:
    return printable(f"{image.archive}/{image.name}" if image.archive else image.name)


def _counted(ignored: Counter[str]) -> str:
    return ", ".join(f"{count} {extension}" for extension, count in sorted(ignored.items())) or "nothing"
