"""Encoded images where they lie: files of a folder, or members of tar, zip, Parquet and LMDB containers in it.

Nothing outside the folder is ever read: not by an absolute path or ``..``, and not through a link.
"""

import os
from collections import OrderedDict
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath
from threading import Lock
from typing import Any, NamedTuple, Protocol
from zipfile import BadZipFile, ZipFile

from ldm_pipelines.errors import InputError

OPEN_AT_ONCE = 16
"""Containers that are kept open."""
DATABASE = "data.mdb"
"""The file that makes a folder an LMDB database. It may be a link of its own, so it is looked at as any other file."""


class Location(NamedTuple):
    """Where an encoded image lies."""

    path: str
    """Of the file or container below the dataset's raw folder, with forward slashes."""
    member: str = ""
    """Within a container: ``OFFSET:LENGTH`` in bytes (tar), the member's name (zip), ``GROUP:ROW:COLUMN`` (Parquet,
    COLUMN may be nested as in ``image.bytes``), or the key (LMDB: ``path`` is the folder that holds ``data.mdb``)."""


class Remote(Protocol):
    """A folder whose files have to be fetched (``data.remote``)."""

    def fetch(self, relative: str) -> Path: ...

    def ahead(self, relatives: Iterable[str]) -> None: ...


class NotInside(Exception):
    """A path is absolute, has ``..`` or backslashes in it, or a link on its way leads out. The message is a reason."""


class Originals:
    """Reads encoded images of one raw folder, in any number of threads.

    May be sent to other processes, each of which opens its own files.
    """

    def __init__(self, root: "Path | Remote") -> None:
        """``root`` may itself be a link, but nothing below it is followed out of it."""
        self.root = root
        self._real_root = Path(os.path.realpath(root)) if isinstance(root, Path) else Path()
        self._open: OrderedDict[str, _Container] = OrderedDict()
        self._pid = os.getpid()
        self._opening = Lock()

    def __getstate__(self) -> dict[str, Any]:
        return {"root": self.root}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["root"])  # type: ignore[misc]

    def path(self, relative: str) -> Path:
        """The file's real path, or that of a copy. Raises ``NotInside``; ``OSError`` where it cannot be fetched."""
        check_relative(relative)
        if not isinstance(self.root, Path):
            return self.root.fetch(relative)
        real = Path(os.path.realpath(self._real_root / relative))
        if not real.is_relative_to(self._real_root):
            raise NotInside(f"the link {relative} leads out of the dataset's folder; put the file itself there")
        return real

    def read(self, location: Location) -> bytes:
        """The encoded image.

        Raises:
            NotInside: the path leaves the folder.
            OSError, KeyError, ValueError: there is no such file or member, or the container is damaged.
        """
        if not location.member:
            return self.path(location.path).read_bytes()
        return self._container(location.path).read(location.member)

    def ahead(self, paths: Iterable[str]) -> None:
        """These files or containers are read soon."""
        if not isinstance(self.root, Path):
            self.root.ahead(paths)

    def _container(self, name: str) -> "_Container":
        if self._pid != os.getpid():  # a forked child shares the parent's file positions
            self._open, self._pid, self._opening = OrderedDict(), os.getpid(), Lock()
        with self._opening:
            if name not in self._open:
                path = self.path(name)
                self._open[name] = _Lmdb(self.path(f"{name}/{DATABASE}")) if path.is_dir() else _opener(path)(path)
                if len(self._open) > OPEN_AT_ONCE:
                    self._open.popitem(last=False)[1].close()
            self._open.move_to_end(name)
            return self._open[name]


def check_relative(path: str) -> None:
    """Raises ``NotInside`` for a path that, by its text alone, could leave the folder it is relative to."""
    if not is_relative(path):
        raise NotInside(f"the path {path!r} is absolute, empty, or has '..' or backslashes in it")


def is_relative(path: str) -> bool:
    """Whether the text says a place below the folder that the path is relative to."""
    pure = PurePosixPath(path)
    unsafe = pure.is_absolute() or ".." in pure.parts or "\\" in path or "\0" in path
    return bool(pure.parts) and not unsafe


class _Container(Protocol):
    def read(self, member: str) -> bytes: ...

    def close(self) -> None: ...


class _Tar:
    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._size = path.stat().st_size

    def read(self, member: str) -> bytes:
        offset, length = (int(number) for number in member.split(":"))
        if offset < 0 or length < 0 or offset + length > self._size:
            raise ValueError("the tar file ends before the image does")
        return os.pread(self._file.fileno(), length, offset)  # several threads read at different places

    def close(self) -> None:
        self._file.close()


class _Zip:
    def __init__(self, path: Path) -> None:
        try:
            self._file = ZipFile(path)
        except BadZipFile as error:
            raise ValueError(f"not a zip archive ({error})") from error

    def read(self, member: str) -> bytes:
        return self._file.read(member)

    def close(self) -> None:
        self._file.close()


class _Parquet:
    """Keeps the last row group's column: rows are usually read in order."""

    def __init__(self, path: Path) -> None:
        import pyarrow.parquet as pq

        self._file = pq.ParquetFile(path)
        self._last: tuple[tuple[int, str], Any] = ((-1, ""), None)
        self._reading = Lock()

    def read(self, member: str) -> bytes:
        group, row, column = member.split(":", 2)
        with self._reading:
            wanted = int(group), column
            if self._last[0] != wanted:
                values = self._file.read_row_group(int(group), columns=[column]).column(column.partition(".")[0])
                values = values.combine_chunks()
                for part in column.split(".")[1:]:
                    values = values.field(part)
                self._last = wanted, values
            values = self._last[1]
        encoded = values[int(row)].as_py()
        if not isinstance(encoded, bytes):
            raise KeyError(f"row {row} of row group {group} has no image bytes in column {column!r}")
        return encoded

    def close(self) -> None:
        self._file.close()


class _Lmdb:
    def __init__(self, path: Path) -> None:
        from ldm_pipelines.data.lmdb_environments import acquire

        self._environment = acquire(path)

    def read(self, member: str) -> bytes:
        with self._environment.begin(buffers=False) as transaction:
            value: bytes | None = transaction.get(member.encode())
        if value is None:
            raise KeyError(f"no image {member!r} in the database")
        return value

    def close(self) -> None:
        from ldm_pipelines.data.lmdb_environments import release

        release(self._environment)


_OPENERS: dict[str, Callable[[Path], _Container]] = {".tar": _Tar, ".zip": _Zip, ".parquet": _Parquet}


def _opener(path: Path) -> Callable[[Path], _Container]:
    try:
        return _OPENERS[path.suffix.lower()]
    except KeyError:
        raise InputError(f"{path} is no container that images are read from ({', '.join(_OPENERS)}, LMDB)") from None
