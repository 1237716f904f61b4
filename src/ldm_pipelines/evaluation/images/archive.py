"""Zip archives of images. Members are read into memory one at a time; nothing is ever extracted."""

from collections import Counter
from functools import partial
from pathlib import Path, PurePosixPath
from zipfile import ZipFile, ZipInfo

from PIL import Image

from ldm_pipelines.data.decoding import MAX_PIXELS, READABLE_EXTENSIONS, UNSUPPORTED_EXTENSIONS, open_bytes
from ldm_pipelines.errors import InputError
from ldm_pipelines.evaluation.images.image_files import ImageFiles
from ldm_pipelines.evaluation.images.preprocessing import Preprocessing
from ldm_pipelines.evaluation.images.zip_files import open_zip
from ldm_pipelines.preparation.listing.entries import Candidate, Listing, Refused

MAX_MEMBER_BYTES = 4 * MAX_PIXELS
"""What the largest image that is decoded at all (Pillow's limit) holds as uncompressed RGBA. Zip bombs claim more."""


def open_archive(file: Path, preprocessing: Preprocessing | None = None, *, class_folders: bool = False) -> ImageFiles:
    """All images of a zip archive, sorted by path: the same as those of the folder it was made from.

    Hidden members (a part of the path begins with a dot) are skipped. ``class_folders``: an image's class is the name
    of the folder it lies in, and images at the top have none. The file stays open as long as the set lives.

    Raises:
        InputError: ``file`` is no zip archive, or a member has an absolute path, ``..`` or backslashes in it, claims an
            absurd size, or has another one's name; or see ``ImageFiles``. Damage (a wrong CRC-32) and encryption are
            told when the image is read.
    """
    archive = open_zip(file)
    return ImageFiles(file, _list_members(file, archive), preprocessing, class_folders)


def _list_members(file: Path, archive: ZipFile) -> Listing:
    members: dict[PurePosixPath, ZipInfo] = {}
    for member in archive.infolist():
        path = PurePosixPath(member.filename)
        if path.is_absolute() or ".." in path.parts or "\\" in member.filename:
            raise InputError(f"{file}: member {member.filename!r} does not lie inside the archive; pack it again")
        if member.is_dir() or any(part.startswith(".") for part in path.parts):
            continue
        if path in members:
            raise InputError(f"{file} has two members {member.filename!r}; pack it again")
        members[path] = member
    ignored: Counter[str] = Counter()
    entries: list[Candidate | Refused] = []
    for path in sorted(members, key=lambda path: path.parts):
        extension = path.suffix.lower()
        if extension in READABLE_EXTENSIONS | UNSUPPORTED_EXTENSIONS:
            entries.append(_entry(archive, path, members[path]))
        else:
            ignored[extension or "no extension"] += 1
    return Listing.of(entries, ignored=dict(sorted(ignored.items())))


def _entry(archive: ZipFile, path: PurePosixPath, member: ZipInfo) -> Candidate | Refused:
    origin = path.as_posix()
    if path.suffix.lower() in UNSUPPORTED_EXTENSIONS:
        return Refused(origin, f"the format {path.suffix.lower()} is not supported; convert it to PNG or JPEG")
    if member.file_size > MAX_MEMBER_BYTES:
        return Refused(origin, f"it claims {member.file_size} bytes, an image has {MAX_MEMBER_BYTES} at most")
    return Candidate(origin, path.parent.name or None, partial(_open_member, archive, member))


def _open_member(archive: ZipFile, member: ZipInfo) -> Image.Image:
    return open_bytes(archive.read(member))  # at most the claimed size; checks the CRC-32
