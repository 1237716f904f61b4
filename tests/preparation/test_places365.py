import pickle
from pathlib import Path

import pytest
from support.raw_pictures import candidates, check_shards, decoded, encoded, refusals
from support.raw_places365 import make_places365

from ldm_pipelines.data.originals import Originals
from ldm_pipelines.errors import InputError
from ldm_pipelines.preparation.listing.entries import Listing
from ldm_pipelines.preparation.source_specs.places365 import Places365Source
from ldm_pipelines.preparation.sources.places365 import list_images


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_places365(tmp_path / "raw")


def listing(root: Path | None, **settings: str) -> Listing:
    return list_images(Places365Source.model_validate({"kind": "places365"} | settings), root, "places", 256)


def test_images_have_the_lists_order_splits_and_categories(root: Path) -> None:
    found = listing(root)
    assert [(c.origin, c.label, c.split) for c in candidates(found)] == [
        ("data_large_standard/a/airfield/00000001.jpg", "airfield", "train"),
        ("data_large_standard/a/airfield/00000002.jpg", "airfield", "train"),
        ("data_large_standard/b/bus_station/indoor/00000001.jpg", "bus_station/indoor", "train"),
        ("data_large_standard/b/bus_station/indoor/00000002.jpg", "bus_station/indoor", "train"),
        ("data_large_standard/c/canyon/00000001.jpg", "canyon", "train"),
        ("data_large_standard/c/canyon/00000002.jpg", "canyon", "train"),
        ("val_large/Places365_val_00000001.jpg", "bus_station/indoor", "validation"),
        ("val_large/Places365_val_00000002.jpg", "canyon", "validation"),
        ("val_large/Places365_val_00000003.jpg", "airfield", "validation"),
    ]
    assert found.classes == ("airfield", "bus_station/indoor", "canyon") and refusals(found) == {}
    check_shards(found)


def test_every_location_gives_its_image(root: Path) -> None:
    originals, numbers = Originals(root), [1, 2, 11, 12, 21, 22, 1001, 1002, 1003]
    for candidate, number in zip(candidates(listing(root)), numbers, strict=True):
        assert candidate.location is not None
        assert originals.read(candidate.location) == encoded(number, "JPEG")
        assert decoded(originals, candidate).shape == (20, 24, 3)
        status = (root / candidate.origin).stat()
        assert candidate.signature == f"{status.st_size}-{status.st_mtime_ns}"


def test_classes_are_in_the_order_of_their_numbers(root: Path) -> None:
    (root / "categories_places365.txt").write_text("/c/canyon 1\n/a/airfield 2\n/b/bus_station/indoor 0\n")
    found = listing(root)
    assert found.classes == ("bus_station/indoor", "canyon", "airfield")
    assert candidates(found)[0].label == "bus_station/indoor"  # the list says 0


def test_other_lists_and_folders_can_be_named(root: Path) -> None:
    (root / "places365_train_standard.txt").rename(root / "places365_train_challenge.txt")
    (root / "data_large_standard").rename(root / "data_256_challenge")
    found = listing(root, train_list="places365_train_challenge.txt", train_images="data_256_challenge")
    assert candidates(found)[0].origin == "data_256_challenge/a/airfield/00000001.jpg"


def test_shards_are_lines_of_the_lists_and_work_in_other_processes(tmp_path: Path) -> None:
    root = make_places365(tmp_path, per_category=200, validation=3)
    file = root / "places365_train_standard.txt"
    lines = file.read_text().splitlines()
    lines.insert(100, "")
    file.write_bytes("\r\n".join(lines).encode())  # as saved on Windows, without a last line end
    found = listing(root)
    assert [shard.size for shard in found.shards] == [255, 256, 89, 3]
    check_shards(found)
    sent = [entry for shard in found.shards for entry in pickle.loads(pickle.dumps(shard.entries))()]
    assert sent == found.entries() and len(candidates(found)) == 603 and refusals(found) == {}


def test_listed_but_absent_images_are_refused_with_their_line(root: Path) -> None:
    (root / "data_large_standard/b/bus_station/indoor/00000002.jpg").unlink()
    assert refusals(listing(root)) == {
        "data_large_standard/b/bus_station/indoor/00000002.jpg":
            "line 4 of places365_train_standard.txt: there is no such file"
    }  # fmt: skip


@pytest.mark.parametrize("path", ["/../../secret.jpg", "/a/../../../secret.jpg", "//etc/passwd", "/a\\b.jpg"])
def test_unsafe_paths_are_refused(root: Path, path: str) -> None:
    (root.parent / "secret.jpg").write_bytes(encoded(5, "JPEG"))
    with (root / "places365_train_standard.txt").open("a") as stream:
        stream.write(f"{path} 0\n")
    found = listing(root)
    (reason,) = refusals(found).values()
    assert reason.startswith("line 7 of places365_train_standard.txt: the path ") and len(candidates(found)) == 9


def test_links_that_lead_out_are_refused(root: Path) -> None:
    file = root / "val_large/Places365_val_00000002.jpg"
    file.rename(root.parent / "secret.jpg")
    file.symlink_to(root.parent / "secret.jpg")
    (reason,) = refusals(listing(root)).values()
    assert "leads out of the dataset's folder" in reason and str(root) not in reason


@pytest.mark.parametrize(
    ("file", "line", "message"),
    [
        ("places365_train_standard.txt", b"/a/airfield/00000003.jpg", "line 7 is '/a/airfield/00000003.jpg'; expected"),
        ("places365_train_standard.txt", b"/a/airfield/00000003.jpg x", "line 7 is '/a/airfield/00000003.jpg x'"),
        ("places365_train_standard.txt", b"/a/airfield/00000003.jpg -1", "line 7 is .*expected a path and a number"),
        (
            "places365_train_standard.txt",
            b"/a/airfield/00000003.jpg 3",
            "line 7: there is no category 3; the last one is 2",
        ),
        ("places365_val.txt", b"\xff.jpg 1", r"line 4 is '\\\\xff.jpg 1'; expected"),
        ("categories_places365.txt", b"/d/desert 4", "numbers of 4 categories must be 0 to 3, each once"),
        ("categories_places365.txt", b"/d/desert 1", "line 4: the category 'desert' or its number 1 is there already"),
        ("categories_places365.txt", b"/a/airfield 3", "line 4: the category 'airfield' or its number 3 is there"),
    ],
)
def test_mistakes_in_lists_name_file_and_line(root: Path, file: str, line: bytes, message: str) -> None:
    with (root / file).open("ab") as stream:
        stream.write(line + b"\n")
    with pytest.raises(InputError, match=rf"{file}: .*{message.removeprefix('the ')}"):
        listing(root)


def test_empty_lists_are_an_error(root: Path) -> None:
    for file in ("places365_train_standard.txt", "places365_val.txt"):
        (root / file).write_text("\n")
    with pytest.raises(InputError, match=r"places365_train_standard\.txt and places365_val\.txt are empty"):
        listing(root)


@pytest.mark.parametrize(
    "absent", [None, ".", "categories_places365.txt", "places365_train_standard.txt", "places365_val.txt",
               "data_large_standard", "val_large"]
)  # fmt: skip
def test_missing_files_say_what_where_from_and_which_key(root: Path, absent: str | None) -> None:
    if absent is not None:
        (root / absent).rename(root.parent / "away") if absent != "." else root.rename(root.parent / "away")
    with pytest.raises(InputError) as caught:
        listing(None if absent is None else root)
    message = str(caught.value)
    for part in ("'places'", "Places project's page", "non-commercial", "data_large_standard/a/airfield/00000001.jpg",
                 "dataset_paths: {places: /path/to/places}", "conf/local/compute.yml"):  # fmt: skip
        assert part in message
    assert absent is None or str(root) in message
    assert absent in (None, ".") or f"{absent} is not there" in message
