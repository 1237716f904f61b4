"""Containers of encoded images, in their true formats, and paths that try to leave the folder."""

import io
import os
import pickle
import tarfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import lmdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ldm_pipelines.data.originals import Location, NotInside, Originals
from ldm_pipelines.errors import InputError

IMAGES = [bytes([n]) * (100 + n) for n in range(5)]


def tar(root: Path) -> list[Location]:
    with tarfile.open(root / "a.tar", "w") as archive:
        for number, image in enumerate(IMAGES):
            member = tarfile.TarInfo(f"{number}.jpg")
            member.size = len(image)
            archive.addfile(member, io.BytesIO(image))
    with tarfile.open(root / "a.tar") as archive:
        return [Location("a.tar", f"{member.offset_data}:{member.size}") for member in archive]


def zipped(root: Path) -> list[Location]:
    with zipfile.ZipFile(root / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number, image in enumerate(IMAGES):
            archive.writestr(f"in/{number}.jpg", image)
    return [Location("a.zip", f"in/{number}.jpg") for number in range(len(IMAGES))]


def parquet(root: Path) -> list[Location]:
    table = pa.table({"image": [{"bytes": image, "path": None} for image in IMAGES], "label": list(range(5))})
    pq.write_table(table, root / "a.parquet", row_group_size=2)
    return [Location("a.parquet", f"{number // 2}:{number % 2}:image.bytes") for number in range(5)]


def database(root: Path) -> list[Location]:
    with lmdb.open(str(root / "a_lmdb"), map_size=2**20) as environment, environment.begin(write=True) as writing:
        for number, image in enumerate(IMAGES):
            writing.put(f"key{number}".encode(), image)
    return [Location("a_lmdb", f"key{number}") for number in range(5)]


def files(root: Path) -> list[Location]:
    for number, image in enumerate(IMAGES):
        (root / f"{number}.jpg").write_bytes(image)
    return [Location(f"{number}.jpg") for number in range(5)]


@pytest.mark.parametrize("container", [tar, zipped, parquet, database, files])
def test_members_are_read_in_any_order_and_in_another_process(tmp_path: Path, container: object) -> None:
    locations = container(tmp_path)  # type: ignore[operator]
    originals = Originals(tmp_path)
    for number in (3, 0, 4, 4, 1, 2):
        assert originals.read(locations[number]) == IMAGES[number]
    assert pickle.loads(pickle.dumps(originals)).read(locations[2]) == IMAGES[2]
    child = os.fork()
    if child == 0:  # a forked child shares file positions and must open its own
        os._exit(0 if originals.read(locations[1]) == IMAGES[1] else 1)
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize("container", [tar, zipped, parquet, database, files])
def test_threads_read_at_once(tmp_path: Path, container: object) -> None:
    locations = container(tmp_path)  # type: ignore[operator]
    originals, wanted = Originals(tmp_path), [number % len(IMAGES) for number in range(2000)]
    with ThreadPoolExecutor(8) as pool:
        read = list(pool.map(lambda number: originals.read(locations[number]), wanted))
    assert read == [IMAGES[number] for number in wanted]


def test_more_containers_than_stay_open(tmp_path: Path) -> None:
    first = tar(tmp_path)
    (tmp_path / "more").mkdir()
    for number in range(40):
        (tmp_path / "more" / f"{number}.tar").write_bytes((tmp_path / "a.tar").read_bytes())
    originals = Originals(tmp_path)
    for _ in range(2):
        for number in range(40):
            assert originals.read(Location(f"more/{number}.tar", first[1].member)) == IMAGES[1]


@pytest.mark.parametrize("path", ["/etc/hostname", "../secret", "a/../../secret", "a\\b", "", "a\0b"])
def test_paths_that_leave_the_folder_by_their_text_are_refused(tmp_path: Path, path: str) -> None:
    (tmp_path / "secret").touch()
    (tmp_path / "raw").mkdir()
    with pytest.raises(NotInside):
        Originals(tmp_path / "raw").read(Location(path))


def test_links_that_leave_the_folder_are_refused_and_a_linked_folder_is_fine(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "out").symlink_to(tmp_path / "secret")
    (tmp_path / "raw" / "up").symlink_to(tmp_path)
    (tmp_path / "raw" / "a.jpg").write_bytes(b"image")
    (tmp_path / "raw" / "b.jpg").symlink_to("a.jpg")
    (tmp_path / "link").symlink_to(tmp_path / "raw")
    originals = Originals(tmp_path / "link")
    for path in ("out", "up/secret", "up/raw/a.jpg/../../../secret"):
        with pytest.raises(NotInside):
            originals.read(Location(path))
    assert originals.read(Location("b.jpg")) == b"image"
    assert originals.read(Location("up/raw/a.jpg")) == b"image"


def test_a_database_whose_file_is_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    raw, outside = tmp_path / "raw", tmp_path / "outside"
    raw.mkdir()
    outside.mkdir()
    location = database(outside)[2]
    (raw / "a_lmdb").mkdir()
    (raw / "a_lmdb" / "data.mdb").symlink_to(outside / "a_lmdb" / "data.mdb")
    with pytest.raises(NotInside, match=r"the link a_lmdb/data\.mdb leads out of the dataset's folder"):
        Originals(raw).read(location)
    (raw / "kept.mdb").write_bytes((outside / "a_lmdb" / "data.mdb").read_bytes())
    (raw / "a_lmdb" / "data.mdb").unlink()
    (raw / "a_lmdb" / "data.mdb").symlink_to("../kept.mdb")
    assert Originals(raw).read(location) == IMAGES[2]
    assert sorted(file.name for file in raw.rglob("*")) == ["a_lmdb", "data.mdb", "kept.mdb"]  # and no lock file


def test_what_is_missing_or_cut_off_is_an_error(tmp_path: Path) -> None:
    locations = tar(tmp_path)
    database(tmp_path)
    zipped(tmp_path)
    with (tmp_path / "a.tar").open("r+b") as file:
        file.truncate(2000)
    (tmp_path / "b.rar").touch()
    originals = Originals(tmp_path)
    with pytest.raises(ValueError, match="ends before"):
        originals.read(locations[4])
    with pytest.raises(KeyError, match="key9"):
        originals.read(Location("a_lmdb", "key9"))
    with pytest.raises(KeyError, match="nothing"):
        originals.read(Location("a.zip", "nothing"))
    with pytest.raises(FileNotFoundError):
        originals.read(Location("gone.jpg"))
    with pytest.raises(InputError, match=r"b\.rar is no container"):
        originals.read(Location("b.rar", "x"))
