"""Text files that say by name which images are for training and which for validation.

As in the released code: ``ffhqtrain.txt``, ``church_outdoor_val.txt``. A name counts without its folders and extension,
since the lists were made of copies in other formats. Made for millions of lines: no object is kept for a name.
"""

import re
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ldm_pipelines.data.originals import NotInside, check_relative
from ldm_pipelines.errors import InputError
from ldm_pipelines.preparation.listing.entries import SHARD, Refused, Shard

SPLITS = ("train", "validation")
UNLISTED = -1
PLAIN = re.compile(rb"\w[\w-]*(\.\w+)?")
"""A file name without folders and with at most one dot."""


class SplitLists:
    """Names of two lists, and which of them have been asked for."""

    def __init__(self, train: Path, validation: Path) -> None:
        """Raises ``InputError`` naming file and line for unsafe names and for names that are listed twice."""
        self._files = (train, validation)
        tables = [_read(file) for file in self._files]
        names = np.concatenate([table["name"] for table in tables])
        order = np.argsort(names, kind="stable")
        self._names = names[order]
        self._lines = np.concatenate([table["line"] for table in tables])[order]
        self._splits = np.repeat(np.arange(2, dtype=np.int8), [len(table) for table in tables])[order]
        self._found = np.zeros(len(names), dtype=np.bool_)
        self._check_listed_once()

    def find(self, names: Sequence[bytes]) -> NDArray[np.int8]:
        """For each name (no folders, no extension): an index into ``SPLITS``, or ``UNLISTED``."""
        if not len(names) or not len(self._names):
            return np.full(len(names), UNLISTED, dtype=np.int8)
        wanted = np.array(names)
        rows = np.searchsorted(self._names, wanted).clip(max=len(self._names) - 1)
        listed = self._names[rows] == wanted
        self._found[rows[listed]] = True
        return np.where(listed, self._splits[rows], np.int8(UNLISTED))

    def absent(self, first: int) -> list[Shard]:
        """Listed names that nobody has asked for, as refused entries in the lists' order, from position ``first`` on.

        Raises ``InputError`` if that is all of them.
        """
        if not self._found.any():
            example = f" (such as {self._names[0].decode()!r})" if len(self._names) else ""
            raise InputError(
                f"{self._files[0]} and {self._files[1].name} list no image that is here{example}; their lines must be "
                "these images' names, apart from folders and extension; correct them, or remove both"
            )
        rows = np.flatnonzero(~self._found)
        rows = rows[np.lexsort((self._lines[rows], self._splits[rows]))]
        return [
            Shard(
                partial(_refuse, self._names[chunk], self._lines[chunk], self._splits[chunk], self._file_names()),
                name="listed but absent",
                size=len(chunk),
                first=first + start,
            )
            for start in range(0, len(rows), SHARD)
            if len(chunk := rows[start : start + SHARD])
        ]

    def _file_names(self) -> tuple[str, str]:
        return self._files[0].name, self._files[1].name

    def _check_listed_once(self) -> None:
        twice = np.flatnonzero(self._names[1:] == self._names[:-1])
        if len(twice):
            earlier, later = int(twice[0]), int(twice[0]) + 1
            raise InputError(
                f"{self._files[self._splits[later]]}: line {self._lines[later]} lists {self._names[later].decode()!r} "
                f"again (first in line {self._lines[earlier]} of {self._files[self._splits[earlier]].name})"
            )


def split_lists(train: Path, validation: Path) -> SplitLists | None:
    """The two lists, or None where there are none. Raises ``InputError`` where only one of them is there."""
    present = [file for file in (train, validation) if file.is_file()]
    if len(present) == 1:
        other = validation if present[0] == train else train
        raise InputError(f"{present[0]} is there but {other.name} is not; put both there, or neither")
    return SplitLists(train, validation) if present else None


def _read(file: Path) -> NDArray[Any]:
    """Names and line numbers (from 1). Read twice, so that names can be kept in a table instead of as objects."""
    longest = max((len(name) for name, _ in _names(file)), default=1)
    return np.fromiter(_names(file), dtype=[("name", f"S{longest}"), ("line", np.int32)])


def _names(file: Path) -> Iterator[tuple[bytes, int]]:
    with file.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            if name := line.strip():
                yield _stem(name, file, number), number


def _stem(name: bytes, file: Path, number: int) -> bytes:
    if PLAIN.fullmatch(name):  # nearly all, and much faster
        return name.rpartition(b".")[0] or name
    try:
        text = name.decode()
        check_relative(text)
    except UnicodeDecodeError as error:
        raise InputError(f"{file}: line {number} is not UTF-8; is it really a list of file names?") from error
    except NotInside as reason:
        raise InputError(f"{file}: line {number}: {reason}") from reason
    return PurePosixPath(text).stem.encode()


def _refuse(
    names: NDArray[np.bytes_], lines: NDArray[np.int32], splits: NDArray[np.int8], files: tuple[str, str]
) -> Iterator[Refused]:
    for name, line, split in zip(names.tolist(), lines.tolist(), splits.tolist(), strict=True):
        yield Refused(name.decode(), f"line {line} of {files[split]}: there is no such image")
