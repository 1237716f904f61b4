"""Folders behind a URL, over real HTTP."""

import os
import pickle
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
from support.file_server import FileServer, serving

import ldm_pipelines.data.remote as remote_module
from ldm_pipelines.data.originals import Location, NotInside, Originals
from ldm_pipelines.data.remote import RemoteFolder, Unreachable
from ldm_pipelines.errors import InputError

SIZE = 1000


@pytest.fixture
def store(tmp_path: Path) -> Path:
    folder = tmp_path / "store"
    for name in ("a.tar", "b.tar", "more/c.tar", "notes.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode().ljust(SIZE, b"."))
    return folder


@pytest.fixture
def server(store: Path) -> Iterator[FileServer]:
    with serving(store) as running:
        yield running


@pytest.fixture
def remote(server: FileServer, tmp_path: Path) -> RemoteFolder:
    return RemoteFolder(url=server.url, cache=tmp_path / "cache", keep_bytes=10 * SIZE)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_module, "FIRST_PAUSE_S", 0.01)


def kept(remote: RemoteFolder) -> list[str]:
    files = [path for path in remote.cache.rglob("*") if path.is_file() and not path.name.startswith(".")]
    return sorted(path.relative_to(remote.cache).as_posix() for path in files)


def age(remote: RemoteFolder, name: str, seconds: float) -> None:
    os.utime(remote.cache / name, (time.time() - seconds, time.time() - seconds))


def test_names_are_found_by_pattern(remote: RemoteFolder, store: Path) -> None:
    assert sorted(remote.names("**/*.tar")) == ["a.tar", "b.tar", "more/c.tar"]
    assert sorted(remote.names("*.tar")) == ["a.tar", "b.tar"]
    local = RemoteFolder(url=f"file://{store}", cache=remote.cache, keep_bytes=1)
    assert sorted(local.names("**/*.tar")) == ["a.tar", "b.tar", "more/c.tar"]


def test_a_file_is_fetched_once_and_then_read_from_disk(remote: RemoteFolder, server: FileServer) -> None:
    for _ in range(3):
        assert remote.fetch("more/c.tar").read_bytes().startswith(b"more/c.tar")
    assert Originals(remote).read(Location("more/c.tar", "0:10")) == b"more/c.tar"
    assert server.fetched == ["more/c.tar"]
    assert kept(remote) == ["more/c.tar"]


def test_what_was_not_read_for_the_longest_time_makes_room(remote: RemoteFolder, server: FileServer) -> None:
    remote = remote.model_copy(update={"keep_bytes": 2 * SIZE})
    for name in ("a.tar", "b.tar"):
        remote.fetch(name)
    age(remote, "a.tar", 500)
    age(remote, "b.tar", 900)
    remote.fetch("more/c.tar")
    assert kept(remote) == ["a.tar", "more/c.tar"]
    remote.fetch("b.tar")
    assert kept(remote) == ["b.tar", "more/c.tar"]
    remote.fetch("a.tar")  # the other two are in use: no room is made
    assert kept(remote) == ["a.tar", "b.tar", "more/c.tar"]


def test_another_version_of_a_file_replaces_the_copy(remote: RemoteFolder, store: Path) -> None:
    before = remote.signature("a.tar")
    remote.fetch("a.tar")
    assert remote.signature("a.tar") == before and kept(remote) == ["a.tar"]
    (store / "a.tar").write_bytes(b"new" * SIZE)
    os.utime(store / "a.tar", (1, 1))
    assert remote.signature("a.tar") != before
    assert kept(remote) == []
    assert remote.fetch("a.tar").read_bytes().startswith(b"newnew")


def _fetch_all(remote: RemoteFolder) -> list[int]:
    return [len(remote.fetch(name).read_bytes()) for name in ("a.tar", "b.tar", "more/c.tar")]


def test_processes_share_one_copy(remote: RemoteFolder, server: FileServer) -> None:
    with ProcessPoolExecutor(3, mp_context=get_context("spawn")) as pool:
        assert list(pool.map(_fetch_all, [remote] * 3)) == [[SIZE] * 3] * 3
    assert sorted(server.fetched) == ["a.tar", "b.tar", "more/c.tar"]


def test_files_are_fetched_ahead_in_the_background(remote: RemoteFolder, server: FileServer) -> None:
    copy = pickle.loads(pickle.dumps(remote))
    for asked in (remote, copy):
        asked.ahead(["a.tar", "b.tar", "missing.tar"])
    deadline = time.time() + 30
    while kept(remote) != ["a.tar", "b.tar"]:
        assert time.time() < deadline
        time.sleep(0.01)
    remote.fetch("a.tar")
    assert sorted(name for name in server.fetched if name != "missing.tar") == ["a.tar", "b.tar"]
    assert pickle.loads(pickle.dumps(remote)) == remote


@pytest.mark.usefixtures("impatient")
def test_a_store_that_fails_is_asked_again_and_then_named(remote: RemoteFolder, server: FileServer) -> None:
    remote.signature("a.tar")
    server.failures = 2
    assert remote.fetch("a.tar").stat().st_size == SIZE
    assert server.fetched == ["a.tar"] * 3
    server.failures = 1000
    with pytest.raises(Unreachable, match=r"http://127\.0\.0\.1:\d+/b\.tar cannot be fetched: .*503.*\(5 attempts\)"):
        remote.fetch("b.tar")
    assert kept(remote) == ["a.tar"]


def test_what_is_not_there_or_must_not_be_read(remote: RemoteFolder, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        remote.fetch("missing.tar")
    for name in ("../secret.tar", "/etc/passwd", "a/../../b.tar", "a\\b.tar"):
        with pytest.raises(NotInside):
            remote.fetch(name)
        with pytest.raises(NotInside):
            remote.signature(name)
    assert not (tmp_path / "secret.tar").exists()


def test_a_url_of_no_known_store_is_an_error(remote: RemoteFolder, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing://x: .*nothing"):
        RemoteFolder(url="nothing://x", cache=tmp_path, keep_bytes=1).names("*.tar")


def test_it_is_written_and_read(remote: RemoteFolder, tmp_path: Path) -> None:
    remote.write(tmp_path / "x.json")
    assert RemoteFolder.read(tmp_path / "x.json") == remote
    (tmp_path / "x.json").write_text('{"url": 3}')
    with pytest.raises(InputError, match=r"x\.json does not say where images are"):
        RemoteFolder.read(tmp_path / "x.json")
