"""Zip files, which .npz and PyTorch's own files are as well."""

import struct
import zlib
from pathlib import Path
from zipfile import BadZipFile, ZipFile, ZipInfo

from ldm_pipelines.errors import InputError

DAMAGED = (OSError, EOFError, BadZipFile, zlib.error, NotImplementedError, RuntimeError)
"""What reading a damaged, truncated, encrypted or strangely compressed member raises."""
CHUNK = 1 << 20
"""Bytes in memory while a checksum is computed."""


def open_zip(file: Path) -> ZipFile:
    """Reads the table of contents. Raises ``InputError`` where there is none: another format, or a truncated file."""
    try:
        return ZipFile(file)
    except DAMAGED as error:
        raise InputError(f"{file} is not a readable zip file ({error}); was it copied whole?") from error


def check_sum(file: Path, archive: ZipFile, member: ZipInfo) -> None:
    """Raises ``InputError`` where a member is not as long as it claims, or its CRC-32 another one."""
    size = 0
    try:
        with archive.open(member) as stream:
            while chunk := stream.read(CHUNK):  # zipfile compares the CRC-32 at the end
                size += len(chunk)
    except DAMAGED as error:
        raise InputError(f"{file}: {member.filename} is damaged ({error}); copy or write the file again") from error
    if size != member.file_size:
        raise InputError(f"{file}: {member.filename} ends after {size} of {member.file_size} bytes; copy it again")


def start_of(file: Path, member: ZipInfo) -> int:
    """Where a member's bytes begin: behind its local header (APPNOTE 4.3.7), of which name and extra field vary."""
    with file.open("rb") as stream:
        stream.seek(member.header_offset + 26)
        name, extra = struct.unpack("<HH", stream.read(4))
    return member.header_offset + 30 + int(name) + int(extra)
