import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from support.listed import candidates, decoded, pixels, refusals
from support.raw_coco import CAPTIONS, make_coco, write_captions
from support.raw_coco_boxes import BOXES, annotation_file, make_coco_layouts

from ldm_pipelines.errors import InputError
from ldm_pipelines.preparation.listing.entries import Listing
from ldm_pipelines.preparation.source_specs.coco import CocoSource
from ldm_pipelines.preparation.sources.coco import list_images

IDS = {"train": "annotations/deprecated-challenge2017/train-ids.txt"}


def listing(root: Path | None, **settings: Any) -> Listing:
    settings = {"captions": None, "boxes": "things_and_stuff"} | settings
    return list_images(CocoSource(kind="coco", **settings), root, "layouts", 256)


def boxes(found: Listing) -> dict[str, list[tuple[Any, ...]]]:
    return {c.origin: [(found.box_classes[box.label], *box[1:]) for box in c.boxes] for c in candidates(found)}


def test_boxes_of_things_and_stuff_are_fractions_of_the_image_in_the_order_of_their_ids(tmp_path: Path) -> None:
    found = listing(make_coco_layouts(tmp_path))
    things = ("person", "dog", "bowl", "broccoli", "cake", "tv", "vase")
    assert found.box_classes == (*things, "grass", "sand", "table", "wall-concrete")
    assert boxes(found) == {
        "train2017/000000000009.jpg": [("broccoli", 0.1, 0.1, 0.2, 0.2), ("table", 0, 0, 0.5, 1)],
        "train2017/000000522418.jpg": [
            ("cake", 0, 0.5, 0.5, 0.5),  # cut at the edges
            ("person", 0.25, 0.25, 0.5, 0.5),
            ("grass", 0, 0.5, 1, 0.5),
        ],
        "val2017/000000000042.jpg": [
            ("dog", 0, 0, 0.5, 0.5),
            ("sand", 0, 0.5, 1, 0.5),
            ("sand", 0, 0, 0.004762, 0.00625),
        ],
        "val2017/000000000139.jpg": [
            ("person", 0.1, 0.125, 0.2, 0.75),
            ("tv", 0.5, 0.25, 0.25, 0.25),
            ("wall-concrete", 0, 0, 1, 0.5),
        ],
    }
    assert found.ignored == {"images of train without 2 to 30 boxes": 1}
    assert {(c.caption, c.label, c.map_location) for c in candidates(found)} == {(None, None, None)}


def test_every_location_gives_the_image_of_its_origin(tmp_path: Path) -> None:
    for candidate in candidates(listing(make_coco_layouts(tmp_path))):
        file = tmp_path / candidate.origin
        assert (pixels(tmp_path, candidate.location) == decoded(file)).all()
        assert candidate.signature == f"{file.stat().st_size}-{file.stat().st_mtime_ns}"


@pytest.mark.parametrize("year", [2014, 2017])
def test_things_alone_need_no_stuff_file(tmp_path: Path, year: int) -> None:
    make_coco_layouts(tmp_path, year)
    for file in tmp_path.glob("annotations/stuff_*"):
        file.unlink()
    found = listing(tmp_path, boxes="things", year=year, objects=[1, 2])
    assert found.box_classes[-1] == "vase"
    assert [(Path(origin).stem[-3:], len(of_image)) for origin, of_image in boxes(found).items()] == [
        ("009", 1), ("030", 1), ("418", 2), ("042", 1), ("139", 2),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, {9: ["broccoli", "table"], 522418: ["cake", "person", "grass"]}),
        ({"crowds": True}, {9: ["broccoli", "person", "table"], 522418: ["cake", "person", "grass"]}),
        ({"objects": [1, 2]}, {9: ["broccoli", "table"], 30: ["vase"]}),
        ({"objects": [3, 8]}, {522418: ["cake", "person", "grass"]}),
        ({"min_area": 0.25}, {522418: ["grass"], 9: ["table"]}),
        ({"min_area": 0.0, "objects": [1, 30]}, {9: ["broccoli", "table"], 30: ["vase"], 522418: ["cake", "person", "grass"]}),
    ],
)  # fmt: skip
def test_small_boxes_crowds_and_images_with_too_few_or_too_many_are_left_out(
    tmp_path: Path, settings: dict[str, Any], expected: dict[int, list[str]]
) -> None:
    settings = ({"objects": [1, 30]} if "min_area" in settings else {}) | settings
    found = listing(make_coco_layouts(tmp_path), splits=["train"], **settings)
    assert {
        int(Path(origin).stem): [box[0] for box in of_image] for origin, of_image in boxes(found).items()
    } == expected
    left_out = len(CAPTIONS["train"]) - len(expected)
    fewest, most = settings.get("objects", [2, 30])
    assert found.ignored == ({f"images of train without {fewest} to {most} boxes": left_out} if left_out else {})


def test_boxes_captions_and_maps_can_be_asked_for_at_once(tmp_path: Path) -> None:
    make_coco_layouts(make_coco(tmp_path, maps=True))
    for split in CAPTIONS:
        write_captions(tmp_path, split, 2017)
    maps = {"train": "stuffthingmaps/train2017", "validation": "stuffthingmaps/val2017"}
    found = listing(tmp_path, captions="each", maps=maps, splits=["train"])
    alone = boxes(listing(tmp_path, splits=["train"]))
    assert [(c.origin, c.caption) for c in candidates(found)] == [
        ("train2017/000000000009.jpg#1", "Broccoli"),
        ("train2017/000000000009.jpg#2", "Food in boxes"),
        ("train2017/000000522418.jpg#1", "A woman cuts a cake."),
        ("train2017/000000522418.jpg#2", "Cake!"),
    ]
    assert boxes(found) == {c.origin: alone[c.origin.partition("#")[0]] for c in candidates(found)}
    assert len(found.map_classes) == 183 and all(c.map_location for c in candidates(found))


def test_an_image_with_boxes_that_no_caption_is_of_is_refused(tmp_path: Path) -> None:
    make_coco_layouts(tmp_path)
    for split in CAPTIONS:
        write_captions(tmp_path, split, 2017)
    file = tmp_path / "annotations/captions_val2017.json"
    content = json.loads(file.read_text())
    content["images"] = [image for image in content["images"] if image["id"] == 139]
    content["annotations"] = [entry for entry in content["annotations"] if entry["image_id"] == 139]
    file.write_text(json.dumps(content))
    found = listing(tmp_path, captions="one")
    assert refusals(found) == {"val2017/000000000042.jpg": "annotations/captions_val2017.json has no caption of it"}


def test_only_listed_images_are_taken(tmp_path: Path) -> None:
    make_coco_layouts(tmp_path)
    found = listing(tmp_path, image_ids=IDS)
    assert [Path(origin).stem[-3:] for origin in boxes(found)] == ["009", "418", "042", "139"]
    assert found.ignored == {f"images of train that are not in {IDS['train']}": 1}
    (tmp_path / IDS["train"]).write_text("000000000009\n\n77\n")
    found = listing(tmp_path, image_ids=IDS, splits=["train"])
    assert [Path(origin).stem[-3:] for origin in boxes(found)] == ["009"]
    assert found.ignored == {
        f"images of train that are not in {IDS['train']}": 2,
        f"ids in {IDS['train']} that no image of train has": 1,
    }


def test_a_list_of_images_holds_for_captions_too(tmp_path: Path) -> None:
    make_coco(tmp_path)
    (tmp_path / "ids.txt").write_text("42\n")
    found = listing(tmp_path, captions="one", boxes=None, image_ids={"validation": "ids.txt"})
    assert [c.caption for c in candidates(found) if c.split == "validation"] == ["A shoe and a dog"]
    assert len(candidates(found)) == 4


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("000000000009\n9a\n", "train-ids.txt: line 2 must be the id of an image, a whole number, not '9a'"),
        ("\n", "train-ids.txt lists no image; write an id in each line"),
        ("139\n42\n", r"lists none of the images of train; source.image_ids must name the list of that set"),
        (b"\xff\xfe", "is not a text file in UTF-8"),
    ],
)
def test_a_wrong_list_of_images_is_an_input_error(tmp_path: Path, content: str | bytes, message: str) -> None:
    make_coco_layouts(tmp_path)
    (tmp_path / IDS["train"]).write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(InputError, match=message):
        listing(tmp_path, image_ids=IDS)


def test_the_order_of_the_annotation_files_does_not_matter(tmp_path: Path) -> None:
    before = listing(make_coco_layouts(tmp_path))
    for name in BOXES:
        for key in ("images", "annotations", "categories"):
            edit(name, lambda content, key=key: content[key].reverse())(tmp_path)
    after = listing(tmp_path)
    assert candidates(after) == candidates(before)
    assert after.box_classes == before.box_classes


def edit(name: str, change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    def work(root: Path) -> None:
        file = annotation_file(root, name)
        content = json.loads(file.read_text())
        change(content)
        file.write_text(json.dumps(content))

    return work


def change(name: str, table: str, row: int, /, **values: Any) -> Callable[[Path], None]:
    return edit(name, lambda content: content[table][row].update(values))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda root: annotation_file(root, "stuff_val").write_text('{"images": ['), "stuff_val2017.json is not a JSON file"),
        (edit("stuff_val", lambda c: c.pop("categories")), "stuff_val2017.json: there is no list 'categories'.*take COCO's stuff annotations"),
        (edit("instances_val", lambda c: c.update(image=c.pop("images"))), "no list 'images'; did you mean 'image'.*COCO's instance annotations"),
        (change("instances_val", "annotations", 1, bbox=[1, 2, 3]), r"instances_val2017.json: annotations\[1\].bbox: must be \[x, y, width, height\] in pixels, not \[1, 2, 3\]"),
        (change("instances_val", "annotations", 1, bbox=[1, 2, "3", 4]), r"annotations\[1\].bbox: must be"),
        (change("instances_val", "annotations", 1, bbox=[1, 2, -3, 4]), r"annotations\[1\].bbox: must be"),
        (change("instances_val", "annotations", 1, bbox=[1, 2, float("nan"), 4]), r"annotations\[1\].bbox: must be"),
        (change("instances_val", "annotations", 1, bbox="1 2 3 4"), r"annotations\[1\].bbox must be a list, not '1 2 3 4'"),
        (edit("instances_val", lambda c: c["annotations"][2].update(box=c["annotations"][2].pop("bbox"))), r"annotations\[2\].bbox must be a list.*; did you mean 'box'"),
        (change("instances_val", "annotations", 0, category_id=12), r"annotations\[0\].category_id: 12 is the id of none of its categories"),
        (change("stuff_val", "annotations", 0, image_id=9), r"stuff_val2017.json: annotations\[0\].image_id: 9 is the id of none of the images of instances_val2017.json"),
        (change("instances_val", "annotations", 0, iscrowd="no"), r"annotations\[0\].iscrowd must be a whole number"),
        (change("instances_val", "images", 1, width=0), r"images\[1\].width: 0 is no number of pixels"),
        (change("instances_val", "images", 1, file_name="../a.jpg"), r"images\[1\].file_name: the path '../a.jpg'"),
        (change("instances_val", "categories", 1, id=86), r"categories\[1\].id: 86 is also that of categories\[0\]"),
        (change("stuff_val", "categories", 1, name="dog"), r"stuff_val2017.json: categories\[1\].name: there are two classes called 'dog'"),
        (change("instances_val", "categories", 0, name="vases"), "instances_val2017.json: categories: they are not those of the other set"),
    ],
)  # fmt: skip
def test_a_broken_annotation_file_names_file_and_key(
    tmp_path: Path, damage: Callable[[Path], Any], message: str
) -> None:
    damage(make_coco_layouts(tmp_path))
    with pytest.raises(InputError, match=message) as caught:
        listing(tmp_path)
    assert str(tmp_path / "annotations") in str(caught.value)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("annotations/instances_train2017.json", r"the file annotations/instances_train2017.json \(source.annotations\)"),
        ("annotations/stuff_val2017.json", r"the file annotations/stuff_val2017.json \(source.annotations\) is not there"),
        (IDS["train"], r"the file annotations/deprecated-challenge2017/train-ids.txt \(source.image_ids\)"),
    ],
)  # fmt: skip
def test_what_is_missing_is_named_with_the_layout_and_where_to_get_it(tmp_path: Path, path: str, message: str) -> None:
    (make_coco_layouts(tmp_path) / path).unlink()
    with pytest.raises(InputError, match=message) as caught:
        listing(tmp_path, image_ids=IDS)
    for part in ("2017 stuff annotations", "  instances_train2017.json\n", "  stuff_val2017.json\n", "layouts:"):
        assert part in str(caught.value)
    assert "captions_" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"captions": None}, "captions: without boxes the caption files say which images there are"),
        ({"boxes": "things_and_stuff", "year": 2014}, "boxes: COCO has no stuff annotations of 2014"),
        ({"boxes": "things", "objects": [8, 3]}, "objects: the smaller bound comes first"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        CocoSource(kind="coco", **settings)
