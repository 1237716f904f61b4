"""The regular files of a tar, from its headers alone, in one pass. Nothing is unpacked, and damage is an entry."""

import os
import tarfile
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import BinaryIO, NamedTuple

from ldm_pipelines.data.originals import NotInside, check_relative
from ldm_pipelines.preparation.listing.entries import Refused
from ldm_pipelines.preparation.listing.files import printable

BLOCK = 512
"""Bytes of a header, and of the zeros that end a tar."""
DAMAGE = (tarfile.TarError, OSError, ValueError, EOFError, OverflowError, RecursionError)
"""What ``tarfile`` raises on headers that make no sense."""
KINDS = {
    tarfile.SYMTYPE: "a link",
    tarfile.LNKTYPE: "a link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a pipe",
}


class Member(NamedTuple):
    """A regular file, whose content is one run of bytes."""

    name: str
    """Path with forward slashes, inside; without a leading ``./``."""
    offset: int
    size: int


def regular_files(stream: BinaryIO, path: str) -> Iterator[Member | Refused]:
    """Members of the tar ``stream`` (``path`` is its name for people), and those that may not be used.

    Folders are passed over. Where the file is damaged or ends too early, the last entry says so. The stream may be
    read and moved between two members.
    """
    size = os.fstat(stream.fileno()).st_size
    try:
        tar = tarfile.open(fileobj=stream, mode="r:")  # noqa: SIM115
    except DAMAGE:
        yield Refused(printable(path), "not an uncompressed tar file (unpack what is compressed), or all damaged")
        return
    while True:
        try:
            found = tar.next()
        except DAMAGE:
            yield _damaged(path, tar.offset)
            return
        if found is None:
            break
        tar.members.clear()  # type: ignore[attr-defined]  # it would keep every header
        if found.size < 0 or found.offset_data + (found.size if found.isreg() else 0) > size:
            yield _damaged(path, found.offset)
            return
        if not found.isdir():
            yield _member(found, path)
    stream.seek(tar.offset)
    if stream.read(BLOCK) != bytes(BLOCK):  # tarfile takes a damaged header, or none, for the end
        yield _damaged(path, tar.offset)


def _member(found: tarfile.TarInfo, path: str) -> Member | Refused:
    origin = printable(f"{path}/{found.name}")
    try:
        check_relative(found.name)
    except NotInside as reason:
        return Refused(origin, printable(str(reason)))
    if found.issparse():
        return Refused(origin, "a sparse file; pack the image itself")
    if not found.isreg():
        return Refused(origin, f"{KINDS.get(found.type, 'not a regular file')}; pack the image itself")
    return Member(PurePosixPath(found.name).as_posix(), found.offset_data, found.size)


def _damaged(path: str, offset: int) -> Refused:
    return Refused(printable(path), f"damaged or cut off at byte {offset}; what follows is lost, so download it again")
