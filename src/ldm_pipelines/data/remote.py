"""A folder behind a URL: files are fetched whole when they are first read, and kept on disk up to a number of bytes."""

import os
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any, Self, TypeVar

from filelock import FileLock
from pydantic import ValidationError

from ldm_pipelines.data.originals import check_relative
from ldm_pipelines.errors import InputError
from ldm_pipelines.spec import PositiveInt, Spec

ATTEMPTS = 5
FIRST_PAUSE_S = 0.5
"""After a failed attempt; then twice as long each time."""
FETCHED_AT_ONCE = 4
IN_USE_S = 60
"""What was asked for so short a time ago is not thrown away, even if there is no room for it."""
VERSION_KEYS = (
    "size", "ETag", "etag", "md5Hash", "Content-MD5", "Digest", "blob_id", "generation", "mtime", "LastModified",
    "Last-Modified", "last_modified", "updated",
)  # fmt: skip
"""Facts of a file that some of fsspec's stores know and that change with its content."""

Result = TypeVar("Result")


class Unreachable(InputError):
    """A store does not answer, however often it is asked."""


class RemoteFolder(Spec):
    """What lies below an fsspec URL (``s3://``, ``gs://``, ``hf://``, ``https://``, ``file://`` ...), only for reading.

    Credentials are those of the user's environment, as each store's fsspec package finds them. Any number of processes
    may use one cache: a file is fetched once, and a reader never sees half of it.
    """

    url: str
    cache: Path
    """Local folder of the fetched files."""
    keep_bytes: PositiveInt
    """About so much is kept there; what was not read for the longest time goes first."""

    def __str__(self) -> str:
        return self.url

    def names(self, pattern: str) -> list[str]:
        """Paths below the URL that match, with forward slashes, in no order. Raises ``InputError``."""
        store, root = self._store()
        store.invalidate_cache()  # some stores keep listings
        try:
            found = store.glob(f"{root}/{pattern}")
        except (OSError, ValueError) as error:
            raise InputError(f"{self.url} cannot be listed: {_words(error)}") from error
        return [path[len(root) :].lstrip("/") for path in found if path.startswith(root)]

    def signature(self, relative: str) -> str:
        """Changes when the file's content may have changed; a copy of what it was before is thrown away.

        Raises:
            NotInside: the path is absolute or has ``..`` in it.
            FileNotFoundError, PermissionError: there is no such file for us.
            Unreachable: the store does not answer.
        """
        check_relative(relative)
        store, root = self._store()
        facts = self._again(relative, lambda: store.info(f"{root}/{relative}"))
        version = " ".join(f"{key}={facts[key]}" for key in VERSION_KEYS if facts.get(key) is not None)
        local = self.cache / relative
        if local.is_file() and not _is_version(local, version):
            local.unlink(missing_ok=True)
        return version

    def fetch(self, relative: str) -> Path:
        """The local copy, fetched where it is not there. Raises as ``signature`` does."""
        check_relative(relative)
        local = self.cache / relative
        if not local.is_file():
            local.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(_beside(local, "lock")):
                if not local.is_file():
                    self._download(relative, local)
        os.utime(local)
        return local

    def ahead(self, relatives: Iterable[str]) -> None:
        """Fetch these in the background, or keep them. What fails is left to ``fetch``, which then says why."""
        for relative in relatives:
            try:
                os.utime(self.cache / relative)
            except FileNotFoundError:
                if relative not in self._asked:
                    self._asked.add(relative)
                    self._queue.put(relative)

    def _download(self, relative: str, local: Path) -> None:
        store, root = self._store()
        partial = _beside(local, "partial")
        version = self.signature(relative)
        self._again(relative, lambda: store.get_file(f"{root}/{relative}", str(partial)))
        _version_file(local).write_text(version)
        with FileLock(self.cache / ".room.lock"):  # several threads and processes fetch: each sees what the others keep
            self._make_room(partial.stat().st_size)
            partial.replace(local)

    def _again(self, relative: str, attempt: Callable[[], Result]) -> Result:
        """Its result; a network that fails is asked a few times."""
        for number in range(ATTEMPTS):
            time.sleep(FIRST_PAUSE_S * 2 ** (number - 1) if number else 0)
            try:
                return attempt()
            except (FileNotFoundError, PermissionError):
                raise
            except Exception as error:  # stores raise what their client libraries raise
                reason = _words(error)
        raise Unreachable(
            f"{self.url}/{relative} cannot be fetched: {reason} ({ATTEMPTS} attempts); the same command goes on from "
            "where it stopped"
        )

    def _make_room(self, wanted: int) -> None:
        held = []
        for path in self.cache.rglob("*"):
            with suppress(FileNotFoundError):  # another process made room
                if path.is_file() and not path.name.startswith("."):
                    held.append((path.stat().st_mtime, path.stat().st_size, path))
        total = sum(size for _, size, _ in held) + wanted
        for used, size, path in sorted(held):
            if total <= self.keep_bytes or time.time() - used < IN_USE_S:
                return
            path.unlink(missing_ok=True)
            total -= size

    def _store(self) -> tuple[Any, str]:
        """fsspec's file system (it keeps them by itself, one for each thread and process) and the URL's path in it."""
        import fsspec

        try:
            store, root = fsspec.url_to_fs(self.url)
        except (ImportError, ValueError) as error:
            raise InputError(f"{self.url}: {_words(error)}") from error
        return store, root.rstrip("/")

    @cached_property
    def _queue(self) -> "SimpleQueue[str]":
        """What is to be fetched in the background, by threads that nothing waits for when the process ends."""
        queue: SimpleQueue[str] = SimpleQueue()
        for _ in range(FETCHED_AT_ONCE):
            Thread(target=self._fetch_asked, args=(queue,), daemon=True).start()
        return queue

    @cached_property
    def _asked(self) -> set[str]:
        return set()

    def _fetch_asked(self, queue: "SimpleQueue[str]") -> None:
        while True:
            relative = queue.get()
            with suppress(Exception):
                self.fetch(relative)
            self._asked.discard(relative)

    def __getstate__(self) -> dict[Any, Any]:
        """Without threads: another process starts its own."""
        state = super().__getstate__()
        state["__dict__"] = {name: state["__dict__"][name] for name in type(self).model_fields}
        return state

    @classmethod
    def read(cls, file: Path) -> Self:
        """What ``write`` wrote. Raises ``InputError``."""
        try:
            return cls.model_validate_json(file.read_bytes())
        except ValidationError as error:
            raise InputError(f"{file} does not say where images are ({error.errors()[0]['msg']}); remove it") from error

    def write(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")


def _beside(local: Path, kind: str) -> Path:
    """A hidden file of the copy's own; hidden files are no copies."""
    return local.with_name(f".{local.name}.{kind}")


def _version_file(local: Path) -> Path:
    return _beside(local, "version")


def _is_version(local: Path, version: str) -> bool:
    file = _version_file(local)
    return file.is_file() and file.read_text() == version


def _words(error: BaseException) -> str:
    return str(error) or type(error).__name__
