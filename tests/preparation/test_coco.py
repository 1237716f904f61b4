import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.listed import candidates, decoded, pixels, refusals
from support.raw_coco import caption_file, make_coco

from ldm_pipelines.errors import InputError
from ldm_pipelines.preparation.annotations.coco_stuff import CLASSES
from ldm_pipelines.preparation.listing.entries import Listing
from ldm_pipelines.preparation.source_specs.coco import CocoSource
from ldm_pipelines.preparation.sources.coco import list_images

MAPS = {"train": "stuffthingmaps/train2017", "validation": "stuffthingmaps/val2017"}


def listing(root: Path | None, **settings: Any) -> Listing:
    return list_images(CocoSource(kind="coco", **settings), root, "coco", 256)


def test_an_image_has_the_caption_of_the_lowest_annotation_id(tmp_path: Path) -> None:
    found = listing(make_coco(tmp_path))
    assert [(c.origin, c.split, c.caption, c.label) for c in candidates(found)] == [
        ("train2017/000000000009.jpg", "train", "Broccoli", None),
        ("train2017/000000000030.jpg", "train", "Flowers", None),
        ("train2017/000000522418.jpg", "train", "A woman cuts a cake.", None),
        ("val2017/000000000042.jpg", "validation", "A shoe and a dog", None),
        ("val2017/000000000139.jpg", "validation", "A room with a tv", None),
    ]
    assert found.map_classes == ()


def test_an_image_can_occur_once_for_each_caption(tmp_path: Path) -> None:
    found = candidates(listing(make_coco(tmp_path), captions="each", splits=["train"]))
    assert [(c.origin, c.caption) for c in found] == [
        ("train2017/000000000009.jpg#1", "Broccoli"),
        ("train2017/000000000009.jpg#2", "Food in boxes"),
        ("train2017/000000000030.jpg#1", "Flowers"),
        ("train2017/000000522418.jpg#1", "A woman cuts a cake."),
        ("train2017/000000522418.jpg#2", "Cake!"),
    ]
    assert [c.location for c in found] == [(c.origin.partition("#")[0], "") for c in found]


@pytest.mark.parametrize("year", [2014, 2017])
def test_every_location_gives_the_image_of_its_origin(tmp_path: Path, year: int) -> None:
    found = candidates(listing(make_coco(tmp_path, year), year=year))
    assert len(found) == 5
    assert len({pixels(tmp_path, c.location).tobytes() for c in found}) == 5
    for candidate in found:
        file = tmp_path / candidate.origin
        np.testing.assert_array_equal(pixels(tmp_path, candidate.location), decoded(file))
        assert candidate.signature == f"{file.stat().st_size}-{file.stat().st_mtime_ns}"


def test_images_of_2014_have_its_names(tmp_path: Path) -> None:
    found = candidates(listing(make_coco(tmp_path, 2014), year=2014))
    assert found[0].origin == "train2014/COCO_train2014_000000000009.jpg"
    assert found[-1].origin == "val2014/COCO_val2014_000000000139.jpg"


def test_shifted_maps_index_coco_stuffs_classes(tmp_path: Path) -> None:
    found = listing(make_coco(tmp_path, maps=True), maps=MAPS)
    assert (len(found.map_classes), found.map_shift) == (183, 1)
    assert found.map_classes[:2] == ("unlabelled", "person")
    for candidate in candidates(found):
        stored = decoded(tmp_path / "stuffthingmaps" / Path(candidate.origin).with_suffix(".png"))
        np.testing.assert_array_equal(pixels(tmp_path, candidate.map_location), stored)
        assert (stored + np.uint8(found.map_shift)).max() <= 182


def test_coco_stuffs_classes_are_in_the_order_of_its_ids() -> None:
    published = {1: "person", 12: "street sign", 13: "stop sign", 30: "eye glasses", 45: "plate", 62: "chair"}
    published |= {66: "mirror", 71: "door", 83: "blender", 90: "toothbrush", 91: "hair brush", 92: "banner"}
    published |= {106: "clouds", 124: "grass", 133: "mirror-stuff", 149: "road", 157: "sky-other", 169: "tree"}
    published |= {178: "water-other", 182: "wood"}
    assert {number: CLASSES[number - 1] for number in published} == published
    assert len(set(CLASSES)) == len(CLASSES) == 182


def test_a_changed_map_changes_the_signature(tmp_path: Path) -> None:
    make_coco(tmp_path, maps=True)
    before = {c.origin: c.signature for c in candidates(listing(tmp_path, maps=MAPS))}
    Image.new("L", (90, 70)).save(tmp_path / "stuffthingmaps/val2017/000000000042.png")
    after = {c.origin: c.signature for c in candidates(listing(tmp_path, maps=MAPS))}
    assert {origin for origin in before if before[origin] != after[origin]} == {"val2017/000000000042.jpg"}


def test_what_is_listed_but_cannot_be_used_is_refused(tmp_path: Path) -> None:
    make_coco(tmp_path / "raw", maps=True)
    (tmp_path / "raw/train2017/000000000030.jpg").unlink()
    (tmp_path / "raw/val2017/000000000042.jpg").rename(tmp_path / "secret.jpg")
    (tmp_path / "raw/val2017/000000000042.jpg").symlink_to(tmp_path / "secret.jpg")
    (tmp_path / "raw/stuffthingmaps/val2017/000000000139.png").unlink()
    edit(lambda c: c["annotations"].pop(), "train")(tmp_path / "raw")
    edit(lambda c: c["annotations"].pop(), "train")(tmp_path / "raw")
    found = listing(tmp_path / "raw", maps=MAPS)
    reasons = refusals(found)
    assert reasons == {
        "train2017/000000000030.jpg": "there is no file train2017/000000000030.jpg",
        "train2017/000000522418.jpg": "annotations/captions_train2017.json has no caption of it",
        "val2017/000000000042.jpg": "the link val2017/000000000042.jpg leads out of the dataset's folder; put the file "
        "itself there",
        "val2017/000000000139.jpg": "no semantic map: there is no file stuffthingmaps/val2017/000000000139.png",
    }
    assert [c.origin for c in candidates(found)] == ["train2017/000000000009.jpg"]
    each = listing(tmp_path / "raw", maps=MAPS, captions="each")
    assert [origin for origin in refusals(each) if "train" in origin or "139" in origin] == [
        "train2017/000000000030.jpg#1",
        "train2017/000000522418.jpg#1",
        "val2017/000000000139.jpg#1",
        "val2017/000000000139.jpg#2",
    ]


def test_the_order_of_the_annotation_file_does_not_matter(tmp_path: Path) -> None:
    before = candidates(listing(make_coco(tmp_path), captions="each"))
    for key in ("images", "annotations"):
        edit(lambda content, key=key: content[key].reverse(), "train")(tmp_path)
    assert candidates(listing(tmp_path, captions="each")) == before


def edit(change: Callable[[dict[str, Any]], Any], split: str = "val") -> Callable[[Path], None]:
    def work(root: Path) -> None:
        file = caption_file(root, split)
        content = json.loads(file.read_text())
        change(content)
        file.write_text(json.dumps(content))

    return work


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda root: caption_file(root, "val").write_text('{"images": ['), "captions_val2017.json is not a JSON file"),
        (lambda root: caption_file(root, "val").write_text("[]"), "there is no list 'images'"),
        (edit(lambda c: c.update(annotation=c.pop("annotations"))), "'annotations'; did you mean 'annotation'"),
        (edit(lambda c: c["images"][1].pop("file_name")), r"images\[1\].file_name must be a text, not 'None'"),
        (
            edit(lambda c: c["images"][1].update(filename=c["images"][1].pop("file_name"))),
            r"images\[1\].file_name must be a text.*; did you mean 'filename'",
        ),
        (edit(lambda c: c["images"][0].update(id="139")), r"images\[0\].id must be a whole number, not '139'"),
        (edit(lambda c: c["images"][1].update(id=139)), r"images\[1\].id: 139 is also that of images\[0\]"),
        (
            edit(lambda c: c["images"][1].update(file_name=c["images"][0]["file_name"])),
            r"images\[1\].file_name: '000000000139.jpg' is also that of images\[0\]",
        ),
        (edit(lambda c: c["images"][1].update(file_name="../secret.jpg")), r"images\[1\].file_name: the path '../secr"),
        (edit(lambda c: c["images"][1].update(file_name="/a.jpg")), r"images\[1\].file_name: the path '/a.jpg'"),
        (edit(lambda c: c["annotations"][2].update(image_id=7)), r"annotations\[2\].image_id: 7 is the id of none"),
        (edit(lambda c: c["annotations"][2].update(caption=["a"])), r"annotations\[2\].caption must be a text"),
        (edit(lambda c: c["annotations"].insert(0, 3)), r"annotations\[0\].image_id must be a whole number"),
    ],
)
def test_a_broken_annotation_file_names_file_and_key(
    tmp_path: Path, damage: Callable[[Path], Any], message: str
) -> None:
    damage(make_coco(tmp_path))
    with pytest.raises(InputError, match=message) as caught:
        listing(tmp_path)
    assert str(caption_file(tmp_path, "val")) in str(caught.value)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("train2017", r"the folder train2017 \(source.images\) is not there"),
        ("annotations/captions_val2017.json", r"the file annotations/captions_val2017.json \(source.annotations\)"),
        ("stuffthingmaps/val2017", r"the folder stuffthingmaps/val2017 \(source.maps\) is not there"),
    ],
)
def test_what_is_missing_is_named_with_the_layout_and_where_to_get_it(tmp_path: Path, path: str, message: str) -> None:
    make_coco(tmp_path, maps=True)
    (tmp_path / path).rename(tmp_path / "elsewhere")
    with pytest.raises(InputError, match=message) as caught:
        listing(tmp_path, maps=MAPS)
    for part in ("its own licence", "COCO-Stuff", "  captions_train2017.json", "dataset_paths: {coco:", str(tmp_path)):
        assert part in str(caught.value)


def test_one_set_can_do_without_the_other(tmp_path: Path) -> None:
    make_coco(tmp_path)
    (tmp_path / "train2017").rename(tmp_path / "elsewhere")
    assert {c.split for c in candidates(listing(tmp_path, splits=["validation"]))} == {"validation"}
    with pytest.raises(InputError, match="the dataset's folder is not there"):
        listing(None)


def test_folders_that_leave_the_raw_folder_are_input_errors(tmp_path: Path) -> None:
    make_coco(tmp_path)
    with pytest.raises(InputError, match=r"source\.images: the path '\.\./train'"):
        listing(tmp_path, images={"train": "../train", "validation": "val2017"})
