from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import raw_paired_folders
from support.listed import candidates, decoded, pixels, refusals
from support.raw_paired_folders import add_image, add_map, make_pairs

from ldm_pipelines.errors import InputError
from ldm_pipelines.preparation.listing.entries import Listing
from ldm_pipelines.preparation.source_specs.paired_folders import PairedFoldersSource
from ldm_pipelines.preparation.sources.paired_folders import list_images


def listing(root: Path | None, **settings: Any) -> Listing:
    source = PairedFoldersSource(kind="paired_folders", **{"classes": 182, **settings})
    return list_images(source, root, "landscapes", 256)


def test_an_image_has_the_map_of_its_path_and_stem(tmp_path: Path) -> None:
    found = listing(make_pairs(tmp_path))
    assert [(c.origin, c.map_location, c.split) for c in candidates(found)] == [
        ("images/a.jpg", ("maps/a.png", ""), None),
        ("images/lake/a.PNG", ("maps/lake/a.png", ""), None),
        ("images/lake/b.jpg", ("maps/lake/b.png", ""), None),
        ("images/sea.jpeg", ("maps/sea.png", ""), None),
    ]
    assert (found.map_shift, len(found.map_classes), found.map_classes[7]) == (0, 182, "class 7")
    assert found.ignored == {}


def test_every_location_gives_the_image_and_the_map_of_its_origin(tmp_path: Path) -> None:
    found = candidates(listing(make_pairs(tmp_path)))
    for candidate in found:
        image = tmp_path / candidate.origin
        seed = raw_paired_folders.NAMES.index(candidate.origin.removeprefix("images/"))
        np.testing.assert_array_equal(pixels(tmp_path, candidate.location), decoded(image))
        np.testing.assert_array_equal(pixels(tmp_path, candidate.map_location), raw_paired_folders.map_of(seed))


def test_the_order_is_not_that_of_the_files_creation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = [c.origin for c in candidates(listing(make_pairs(tmp_path / "one")))]
    monkeypatch.setattr(raw_paired_folders, "NAMES", raw_paired_folders.NAMES[::-1])
    assert [c.origin for c in candidates(listing(make_pairs(tmp_path / "two")))] == first


def test_lists_decide_what_belongs_and_where(tmp_path: Path) -> None:
    make_pairs(tmp_path)
    (tmp_path / "train.txt").write_text("sea.jpeg\nlake/a.PNG\n\n")
    (tmp_path / "validation.txt").write_text("./a.jpg\r\ngone.jpg\r\n")
    found = listing(tmp_path, lists={"train": "train.txt", "validation": "validation.txt"})
    assert [(c.origin, c.split) for c in candidates(found)] == [
        ("images/lake/a.PNG", "train"),
        ("images/sea.jpeg", "train"),
        ("images/a.jpg", "validation"),
    ]
    assert refusals(found) == {"images/gone.jpg": "there is no file images/gone.jpg"}
    assert found.ignored == {"images in no list": 1}


def test_images_and_maps_without_the_other_are_reported(tmp_path: Path) -> None:
    make_pairs(tmp_path)
    add_image(tmp_path, "alone.jpg", 7)
    add_image(tmp_path, "sea.png", 8)
    add_map(tmp_path, "alone_too.jpg", 9)
    (tmp_path / "maps/legend.txt").touch()
    (tmp_path / "images/notes.txt").touch()
    (tmp_path / "images/linked").symlink_to(tmp_path / "images/lake")
    found = listing(tmp_path)
    neither = "another image differs from it only in the extension, so their map belongs to neither"
    assert refusals(found) == {
        "images/alone.jpg": "no semantic map: there is no file maps/alone.png",
        "images/sea.jpeg": neither,
        "images/sea.png": neither,
        "images/linked": "a link to a folder is not followed; put the folder itself here",
    }
    assert len(candidates(found)) == 3
    assert found.ignored == {".txt": 1, "files among the maps that are not .png": 1, "maps without an image": 1}


def test_links_that_leave_the_folder_are_refused(tmp_path: Path) -> None:
    make_pairs(tmp_path / "raw")
    (tmp_path / "raw/maps/sea.png").rename(tmp_path / "secret.png")
    (tmp_path / "raw/maps/sea.png").symlink_to(tmp_path / "secret.png")
    reason = refusals(listing(tmp_path / "raw"))["images/sea.jpeg"]
    assert reason.startswith("no semantic map: the link maps/sea.png leads out of the dataset's folder")


def test_unlabelled_pixels_become_a_class_before_the_others(tmp_path: Path) -> None:
    make_pairs(tmp_path)
    (tmp_path / "names.txt").write_text("sky\nsea\nland\n")
    found = listing(tmp_path, classes=3, class_names="names.txt", unlabelled=255)
    assert (found.map_shift, found.map_classes) == (1, ("unlabelled", "sky", "sea", "land"))
    assert listing(tmp_path, classes=3, class_names="names.txt").map_classes == ("sky", "sea", "land")


def test_coco_stuffs_classes_have_their_names(tmp_path: Path) -> None:
    found = listing(make_pairs(tmp_path), classes="coco_stuff")
    assert (len(found.map_classes), found.map_classes[0], found.map_classes[181]) == (182, "person", "wood")


@pytest.mark.parametrize(
    ("train", "validation", "message"),
    [
        ("a.jpg\n../b.jpg\n", "", r"train\.txt: line 2: the path '\.\./b\.jpg' is absolute, empty, or has"),
        ("a.jpg\n", "/a.jpg\n", r"validation\.txt: line 1: the path '/a\.jpg'"),
        ("a.jpg\nsea.jpeg\n", "./sea.jpeg\n", "line 1: 'sea.jpeg' is listed already in line 2 of train.txt"),
        ("a.jpg\na.jpg\n", "", "line 2: 'a.jpg' is listed already in line 1 of train.txt"),
        (b"\xff.jpg\n", "", r"train\.txt is not a text in UTF-8"),
    ],
)
def test_mistakes_in_a_list_name_file_and_line(
    tmp_path: Path, train: str | bytes, validation: str, message: str
) -> None:
    make_pairs(tmp_path)
    (tmp_path / "train.txt").write_bytes(train if isinstance(train, bytes) else train.encode())
    (tmp_path / "validation.txt").write_text(validation)
    with pytest.raises(InputError, match=message):
        listing(tmp_path, lists={"train": "train.txt", "validation": "validation.txt"})


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("sky\nsea\n", "has 2 lines, but source.classes is 3"),
        ("sky\nsea\nsky\n", "line 3: 'sky' is listed already"),
        ("sky\n\nsea\n", "line 2: '' is empty"),
    ],
)
def test_mistakes_in_class_names_name_the_line(tmp_path: Path, names: str, message: str) -> None:
    make_pairs(tmp_path)
    (tmp_path / "names.txt").write_text(names)
    with pytest.raises(InputError, match=message):
        listing(tmp_path, classes=3, class_names="names.txt")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"images": "photos"}, r"the folder photos \(source.images\) is not there"),
        ({"maps": "labels"}, r"the folder labels \(source.maps\) is not there"),
        ({"lists": {"train": "train.txt"}}, r"the file train.txt \(source.lists.train\) is not there"),
        ({"class_names": "names.txt"}, r"the file names.txt \(source.class_names\) is not there"),
        ({"class_names": "../names.txt"}, r"source\.class_names: the path '\.\./names\.txt'"),
    ],
)
def test_what_the_settings_name_must_be_there(tmp_path: Path, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        listing(make_pairs(tmp_path), **settings)


def test_a_missing_folder_says_how_it_must_look(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the dataset's folder is not there") as caught:
        listing(tmp_path / "gone", images="photos", lists={"train": "train.txt"})
    for part in ("photos/", "train.txt", "one image a line", "dataset_paths: {landscapes:", str(tmp_path)):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"maps": "images/maps"}, "neither in the other"),
        ({"classes": "coco_stuff", "class_names": "names.txt"}, "the names of coco_stuff are known"),
        ({"classes": 256, "unlabelled": 255}, "none is left for unlabelled"),
        ({"lists": {}}, "no list is named"),
    ],
)
def test_settings_that_contradict_each_other_are_errors(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PairedFoldersSource(kind="paired_folders", **{"classes": 3, **settings})
