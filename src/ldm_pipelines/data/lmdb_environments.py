"""LMDB databases that are read where they lie. LMDB allows no second opening of the same files in a process."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import lmdb

File = tuple[int, int]
"""Device and inode."""


@dataclass
class _Opened:
    environment: lmdb.Environment
    users: int = 0


_opened: dict[File, _Opened] = {}
"""Without a lock file and only for reading, so a forked process may use what it inherits."""


def acquire(path: Path) -> lmdb.Environment:
    """The environment of the file ``path``, a ``data.mdb``; give it back with ``release``.

    Raises:
        OSError: there is no such file.
        ValueError: it is no LMDB database, or ends too early. The message is a reason without a path.
    """
    status = path.stat()
    file = status.st_dev, status.st_ino
    if file not in _opened:
        _opened[file] = _Opened(_open(path))
    _opened[file].users += 1
    return _opened[file].environment


def release(environment: lmdb.Environment) -> None:
    """Closes it once nobody in this process uses it any more."""
    for file, opened in list(_opened.items()):
        if opened.environment is environment:
            opened.users -= 1
            if not opened.users:
                del _opened[file]
                environment.close()


@contextmanager
def environment(path: Path) -> Iterator[lmdb.Environment]:
    """``acquire`` and ``release`` around a block."""
    acquired = acquire(path)
    try:
        yield acquired
    finally:
        release(acquired)


def _open(path: Path) -> lmdb.Environment:
    """Of the file alone: by its folder, a link in it would be followed wherever it leads. No lock file is looked at."""
    try:
        opened = lmdb.open(
            str(path), subdir=False, readonly=True, lock=False, readahead=False, meminit=False, create=False,
            max_readers=1,
        )  # fmt: skip
    except lmdb.Error as error:
        raise ValueError(f"{path.name} is not an LMDB database, or its beginning is damaged") from error
    needed = (opened.info()["last_pgno"] + 1) * opened.stat()["psize"]
    present = path.stat().st_size
    if present < needed:  # a page that is not there would end the process, not raise
        opened.close()
        raise ValueError(f"{path.name} ends too early: {present} of {needed} bytes")
    return opened
