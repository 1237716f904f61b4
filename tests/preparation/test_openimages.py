import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from pydantic import ValidationError
from support.clone import PROJECT
from support.encoded_images import encoded, pixels
from support.raw_openimages import BOXES, CAR, CAT, FILES, HEADER, IMAGES, PERSON, PLANE, make_openimages, write_boxes

from ldm_pipelines.data.originals import Location, Originals
from ldm_pipelines.errors import InputError
from ldm_pipelines.preparation.annotations import openimages_boxes
from ldm_pipelines.preparation.annotations.openimages_classes import LAYOUT_MODEL
from ldm_pipelines.preparation.listing.entries import Candidate, Listing, Refused
from ldm_pipelines.preparation.source_specs.openimages import OpenImagesSource
from ldm_pipelines.preparation.sources.openimages import list_images


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    return make_openimages(tmp_path / "openimages")


def listed(raw: Path | None, **settings: Any) -> Listing:
    return list_images(OpenImagesSource.model_validate({"kind": "openimages"} | settings), raw, "layouts", 256)


def boxes(listing: Listing) -> dict[str, list[tuple[Any, ...]]]:
    found: dict[str, list[tuple[Any, ...]]] = {}
    for entry in listing.entries():
        assert isinstance(entry, Candidate)
        found[entry.origin] = [(listing.box_classes[box.label], *box[1:]) for box in entry.boxes]
    return found


def test_images_have_the_boxes_of_the_files_in_their_order(raw: Path) -> None:
    listing = listed(raw)
    assert listing.box_classes == ("Airplane", "Car", "Cat", "Person")
    assert boxes(listing) == {
        "train/00000000000000ff.jpg": [
            ("Car", 0.0, 0.5, 0.25, 0.5),  # moved to the edge
            ("Cat", 0.2, 0.1, 0.2, 0.2),
            ("Cat", 0.6, 0.1, 0.2, 0.2),
        ],
        "train/000002b66c9c498e.jpg": [("Car", 0.0, 0.25, 0.5, 0.75), ("Airplane", 0.1, 0.3, 0.1, 0.1)],
        "train/f00002b97e5471a0.jpg": [
            ("Cat", 0.0125, 0.148438, 0.182812, 0.439062),
            ("Person", 0.025, 0.714063, 0.251563, 0.234375),
        ],
        "validation/0001eeaf4aed83f9.jpg": [("Car", 0.1, 0.1, 0.3, 0.3), ("Car", 0.5, 0.1, 0.4, 0.3)],
        "test/000026e7ee790996.jpg": [("Cat", 0.1, 0.1, 0.3, 0.3), ("Car", 0.5, 0.1, 0.4, 0.3)],
    }
    assert listing.ignored == {"images of train without 2 to 30 boxes": 1}
    assert [(s.first, s.size, s.name) for s in listing.shards] == [
        (0, 3, "train/00000000000000ff.jpg"),
        (3, 1, "validation/0001eeaf4aed83f9.jpg"),
        (4, 1, "test/000026e7ee790996.jpg"),
    ]


def test_every_image_can_be_read_where_it_lies_and_its_signature_is_the_files(raw: Path) -> None:
    originals = Originals(raw)
    for entry in listed(raw, objects=[1, 30]).entries():
        assert isinstance(entry, Candidate) and entry.location == Location(entry.origin) and entry.open is None
        split, name = entry.origin.split("/")
        seed = IMAGES[split].index(name.removesuffix(".jpg")) + 10 * len(split)
        np.testing.assert_array_equal(pixels(originals.read(entry.location)), pixels(encoded(seed)))
        status = (raw / entry.origin).stat()
        assert (entry.split, entry.label) == (split, None)
        assert entry.signature == f"{status.st_size}-{status.st_mtime_ns}"


def test_area_number_and_groups_decide_which_boxes_and_images_are_kept(raw: Path) -> None:
    first = "train/000002b66c9c498e.jpg"
    assert [box[0] for box in boxes(listed(raw, min_area=0.00007))[first]] == ["Car", "Person", "Airplane"]
    assert first not in boxes(listed(raw, min_area=0.011))  # the aeroplane fills 0.01
    assert {*boxes(listed(raw, objects=[3, 3]))} == {"train/00000000000000ff.jpg"}
    alone = listed(raw, objects=[1, 1], exclude_group_of=True)
    assert {*boxes(alone)} == {
        "train/0a0002c707c9895e.jpg", "train/f00002b97e5471a0.jpg", "test/000026e7ee790996.jpg"
    }  # fmt: skip
    assert alone.ignored == {"images of train without 1 to 1 boxes": 2, "images of validation without 1 to 1 boxes": 1}


def test_an_allow_list_keeps_its_classes_in_its_order_by_either_name(raw: Path) -> None:
    (raw / "kept.txt").write_text(f"Person\n\n{CAT}\n Car \n")
    listing = listed(raw, classes="kept.txt", splits=["train"], objects=[1, 30])
    assert listing.box_classes == ("Person", "Cat", "Car")
    assert [box[0] for box in boxes(listing)["train/f00002b97e5471a0.jpg"]] == ["Cat", "Person"]
    assert [box[0] for box in boxes(listing)["train/000002b66c9c498e.jpg"]] == ["Car"]
    assert "train/0a0002c707c9895e.jpg" not in boxes(listing)


def test_merged_classes_count_as_the_other_and_are_none_of_their_own(raw: Path) -> None:
    merged = listed(raw, merge={"Airplane": "Car", CAT: PERSON})
    assert merged.box_classes == ("Car", "Person")
    assert [box[0] for box in boxes(merged)["train/000002b66c9c498e.jpg"]] == ["Car", "Car"]
    (raw / "kept.txt").write_text("Person\nAirplane\n")  # filtered after the merge: cats are kept, as persons
    kept = listed(raw, classes="kept.txt", merge={"Airplane": "Car", CAT: PERSON}, objects=[1, 30])
    assert kept.box_classes == ("Person",)
    assert [box[0] for box in boxes(kept)["train/f00002b97e5471a0.jpg"]] == ["Person", "Person"]


@pytest.mark.parametrize(
    ("merge", "problem"),
    [
        ({"Car": "Cats"}, r"source\.merge: no class is called 'Cats'; did you mean 'Cat'\?"),
        ({"Car": "Cat", "Cat": "Person"}, r"source\.merge: 'Car' counts as 'Cat', which counts as 'Person'; name that"),
    ],
)
def test_a_merge_that_makes_no_sense_is_an_error(raw: Path, merge: dict[str, str], problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        listed(raw, merge=merge)


def test_the_layout_models_classes_are_numbered_as_released_in_every_edition(raw: Path) -> None:
    listing = listed(raw, classes="layout_model", merge={"Cat": "Person"})
    assert len(listing.box_classes) == len({*listing.box_classes}) == 340
    rows = LAYOUT_MODEL.read_text().splitlines()[1:]
    labels = [row.partition(",")[0] for row in rows]
    assert labels[:-1] == sorted(labels[:-1]) and rows[-1] == "/m/01s55n,Suitcase"
    assert listing.box_classes[labels.index(CAR)] == "Car"
    assert [box[0] for box in boxes(listing)["train/f00002b97e5471a0.jpg"]] == ["Person", "Person"]
    file = raw / "class-descriptions-boxable.csv"
    file.write_text(file.read_text().replace("Car", "Automobile"))
    assert listed(raw, classes="layout_model").box_classes[labels.index(CAR)] == "Automobile"


def test_the_layout_models_merges_are_classes_that_are_none_of_its_own() -> None:
    source = yaml.safe_load((PROJECT / "conf/hydra/dataset/openimages_boxes.yaml").read_text())["source"]
    kept = {row.partition(",")[2] for row in LAYOUT_MODEL.read_text().splitlines()[1:]}
    assert len(source["merge"]) == 12 and not kept & {*source["merge"]} and kept >= {*source["merge"].values()}
    OpenImagesSource.model_validate(source)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("Person\nCats\n", r"kept\.txt: line 2: no class is called 'Cats'; did you mean 'Cat'\?"),
        ("Person\n/m/01g317\n", r"kept\.txt: line 2 lists 'Person' again \(first in line 1\)"),
        ("\n", r"kept\.txt lists no class"),
    ],
)
def test_a_broken_allow_list_is_an_error_that_names_the_line(raw: Path, text: str, problem: str) -> None:
    (raw / "kept.txt").write_text(text)
    with pytest.raises(InputError, match=problem):
        listed(raw, classes="kept.txt")


def test_other_releases_file_names_and_headers_are_known(raw: Path) -> None:
    expected = boxes(listed(raw))
    (raw / FILES["train"]).rename(raw / "train-annotations-bbox.csv")
    old = raw / "class-descriptions-boxable.csv"
    (raw / "oidv7-class-descriptions-boxable.csv").write_text("LabelName,DisplayName\n" + old.read_text())
    old.unlink()
    assert boxes(listed(raw)) == expected
    (raw / "train-annotations-bbox.csv").rename(raw / "mine.csv")
    assert boxes(listed(raw, box_files={"train": "mine.csv"})) == expected


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (("0001eeaf4aed83f9", "/m/0cmf3", 0.1, 0.4, 0.1, 0.4, 0), r"LabelName '/m/0cmf3' is not in .*did you mean '/m/0cmf2'"),
        (("0001eeaf4aed83f9", PLANE, 0.4, 0.1, 0.1, 0.4, 0), "XMax '0.100000' is less than XMin"),
        (("0001eeaf4aed83f9", PLANE, 0.1, 0.4, 0.4, 0.1, 0), "YMax '0.100000' is less than YMin"),
        (("0001eeaf4aed83f9", PLANE, 0.1, 1.4, 0.1, 0.4, 0), "XMax '1.400000' lies outside the image"),
        (("0001eeaf4aed83f9", PLANE, "nan", 0.4, 0.1, 0.4, 0), "XMin 'nan' lies outside the image"),
        (("0001eeaf4aed83f9", PLANE, 0.1, 0.4, "low", 0.4, 0), "YMin 'low' is not a number"),
        (("0001eeaf4aed83f9", PLANE, 0.1, 0.4, "", 0.4, 0), "YMin '' is not a number"),
        (("../../etc/passwd", PLANE, 0.1, 0.4, 0.1, 0.4, 0), "ImageID '../../etc/passwd' is not 16 hexadecimal digits"),
        (("", PLANE, 0.1, 0.4, 0.1, 0.4, 0), "ImageID '' is not 16"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("block", [200, 1 << 24])
def test_a_broken_row_is_an_error_that_names_file_and_row(
    raw: Path, row: tuple[Any, ...], problem: str, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openimages_boxes, "BLOCK", block)
    file = raw / FILES["train"]
    write_boxes(file, [*BOXES["train"][:4], row, *BOXES["train"][4:]])
    with pytest.raises(InputError, match=rf"{FILES['train']}: row 6: {problem}"):
        listed(raw)


def test_a_cut_or_foreign_file_is_an_error(raw: Path) -> None:
    file = raw / FILES["train"]
    text = file.read_text()
    file.write_text(text[: text.rindex(",1,0")])
    with pytest.raises(InputError, match=r"is not a complete CSV file.*download it again"):
        listed(raw)
    file.write_text(text.replace("LabelName", "Labelname"))
    with pytest.raises(InputError, match=r"the column 'LabelName' is missing; did you mean 'Labelname'"):
        listed(raw)
    file.write_text("")
    with pytest.raises(InputError, match=r"the column 'ImageID' is missing"):
        listed(raw)
    file.write_text(",".join(HEADER) + "\n")
    with pytest.raises(InputError, match=r"has no boxes; download it again"):
        listed(raw)


@pytest.mark.parametrize("seed", range(3))
def test_tables_are_those_of_a_plain_grouping_whatever_the_order_and_block(
    raw: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(seed)
    images = [f"{number:016x}" for number in rng.integers(0, 2**63, 40, dtype=np.uint64)]
    rows = []
    for _ in range(300):
        left, right, top, bottom = (round(float(c), 6) for c in (*sorted(rng.random(2)), *sorted(rng.random(2))))
        rows.append((images[rng.integers(40)], [PLANE, PERSON, CAR, CAT][rng.integers(4)], left, right, top, bottom, 0))
    write_boxes(raw / FILES["train"], rows)
    monkeypatch.setattr(openimages_boxes, "BLOCK", 1 << 10)
    listing = listed(raw, splits=["train"], min_area=0.05, objects=[2, 8])
    names = {PLANE: "Airplane", PERSON: "Person", CAR: "Car", CAT: "Cat"}
    expected: dict[str, list[tuple[Any, ...]]] = {}
    for image in sorted(images):
        kept = [row for row in rows if row[0] == image and (row[3] - row[2]) * (row[5] - row[4]) > 0.05]
        if 2 <= len(kept) <= 8:
            expected[f"train/{image}.jpg"] = [
                (names[c], x, y, round(right - x, 6), round(bottom - y, 6)) for _, c, x, right, y, bottom, _ in kept
            ]
    for shard in listing.shards:
        for origin, reason in ((e.origin, e.reason) for e in shard.entries() if isinstance(e, Refused)):
            assert reason == f"there is no file {origin}"
            (raw / origin).write_bytes(b"-")
    assert boxes(listing) == expected and len(expected) > 5
    assert listing.ignored == {"images of train without 2 to 8 boxes": len({row[0] for row in rows}) - len(expected)}


def test_without_boxes_all_images_of_the_folders_are_listed_whatever_the_order_they_were_made_in(raw: Path) -> None:
    for name in ("ffffffffffffffff.jpg", "0000000000000001.jpg", "7fffffffffffffff.jpg"):
        (raw / "train" / name).write_bytes(encoded(1))
    (raw / "train" / "notes.txt").write_text("-")
    (raw / "train" / ".hidden.jpg").write_text("-")
    (raw / "train" / "0000000000000002.JPG").write_text("-")
    listing = listed(raw, boxes=False)
    origins = [entry.origin for entry in listing.entries()]
    train = sorted([*IMAGES["train"], "ffffffffffffffff", "0000000000000001", "7fffffffffffffff"])
    assert origins == [
        *(f"train/{image}.jpg" for image in train), "validation/0001eeaf4aed83f9.jpg", "test/000026e7ee790996.jpg"
    ]  # fmt: skip
    assert all(isinstance(entry, Candidate) and entry.boxes == () for entry in listing.entries())
    assert listing.box_classes == () and sum(listing.ignored.values()) == 2
    assert [(shard.first, shard.size) for shard in listing.shards] == [(0, 7), (7, 1), (8, 1)]


def test_absent_images_links_out_and_folders_are_refused(raw: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.jpg").write_bytes(encoded(1))
    train = raw / "train"
    (train / "000002b66c9c498e.jpg").unlink()
    (train / "f00002b97e5471a0.jpg").unlink()
    (train / "f00002b97e5471a0.jpg").symlink_to(tmp_path / "secret.jpg")
    (train / "00000000000000ff.jpg").unlink()
    (train / "00000000000000ff.jpg").mkdir()
    reasons = {e.origin: e.reason for e in listed(raw, splits=["train"]).entries() if isinstance(e, Refused)}
    assert "not a regular file" in reasons["train/00000000000000ff.jpg"]
    assert "there is no file" in reasons["train/000002b66c9c498e.jpg"]
    assert "leads out" in reasons["train/f00002b97e5471a0.jpg"]
    assert not any(str(tmp_path) in reason for reason in reasons.values())


def test_shards_survive_a_process_boundary_and_carry_only_their_slice(raw: Path) -> None:
    images = np.arange(3000, dtype=np.uint64)
    write_boxes(raw / FILES["train"], [(f"{i:x}", CAR, 0.1, 0.5, 0.1, 0.5, 0) for i in images for _ in range(2)])
    listing = listed(raw, splits=["train"])
    assert sum(shard.size or 0 for shard in listing.shards) == 3000 and len(listing.shards) > 2
    for shard in listing.shards:
        frozen = pickle.dumps(shard.entries)
        assert len(frozen) < 60_000
        assert [*pickle.loads(frozen)()] == [*shard.entries()] == [*shard.entries()]


def test_what_is_missing_is_said_with_where_to_get_it(raw: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"dataset 'layouts'.*(?s:.*)OpenImages(?s:.*)dataset_paths: {layouts:"):
        listed(None)
    with pytest.raises(InputError, match=r"the folder train is not there.*nowhere"):
        listed(tmp_path / "nowhere")
    (raw / FILES["test"]).unlink()
    with pytest.raises(InputError, match=r"test-annotations-bbox.csv is not there"):
        listed(raw)
    assert listed(raw, splits=["train", "validation"]).entries()
    with pytest.raises(InputError, match=r"has '..' or backslashes"):
        listed(raw, box_files={"train": "../other.csv"})
    (raw / "class-descriptions-boxable.csv").unlink()
    with pytest.raises(InputError, match=r"class-descriptions-boxable.csv or oidv7"):
        listed(raw)
    for image in (raw / "test").iterdir():
        image.unlink()
    with pytest.raises(InputError, match=r"any image named as in test/"):
        listed(raw, boxes=False)


@pytest.mark.parametrize("settings", [{"objects": [5, 2]}, {"splits": []}, {"splits": ["train", "train"]}])
def test_settings_that_make_no_sense_are_errors(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(settings))):
        OpenImagesSource.model_validate({"kind": "openimages"} | settings)
