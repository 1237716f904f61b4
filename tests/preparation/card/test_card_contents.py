"""What a data card says of a dataset whose every number is known."""

import csv
import logging
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from support.card_dataset import CardDataset, picture

from ldm_pipelines.errors import InputError
from ldm_pipelines.preparation.card import captions, duplicates
from ldm_pipelines.preparation.card.contact_sheet import choose
from ldm_pipelines.preparation.card.contents import Card, Cell, Section, Table
from ldm_pipelines.preparation.card.describe import describe, describe_tables
from ldm_pipelines.preparation.card.write import write_card


def _section(card: Card, title: str) -> Section:
    return next(section for section in card.sections if section.title == title)


def _facts(card: Card, title: str) -> dict[str, Cell]:
    return dict(_section(card, title).facts)


def _table(card: Card, title: str, caption: str) -> Table:
    return next(table for table in _section(card, title).tables if table.caption.startswith(caption))


def _describe(made: CardDataset, folder: Path, **changes: object) -> Card:
    return describe(made.write(folder, **changes), made.hashes(), made.thumbnails)  # type: ignore[arg-type]


def _jpeg(image: Image.Image) -> Image.Image:
    buffer = BytesIO()
    image.save(buffer, format="JPEG", quality=70)
    return Image.open(buffer).convert("RGB")


def test_splits_sizes_and_modes(tmp_path: Path) -> None:
    made = CardDataset(
        [("train", picture(seed)) for seed in range(3)] + [("test", picture(9))],
        source_width=[100, 200, 50, 400],
        source_height=[100, 100, 50, 100],
        source_mode=["RGB", "L", "RGB", "CMYK"],
    )
    card = _describe(made, tmp_path, splits={"train": 0.8, "validation": 0, "test": 0.2})
    assert _table(card, "Dataset", "Images by split").rows == (("train", 3), ("validation", 0), ("test", 1))
    assert _table(card, "Dataset", "Images by split").bars == (100.0, 0.0, 33.3)
    assert _facts(card, "Dataset")["splits"] == "train 0.8, validation 0, test 0.2, by content"
    facts = _facts(card, "Original images")
    assert facts["smallest"] == "50 x 50: raw/0000002.jpg"
    assert facts["largest"] == "400 x 100: raw/0000003.jpg"
    assert facts["enlarged: shorter side below the prepared size"] == 1
    pixels = _table(card, "Original images", "Pixels")
    assert pixels.rows[0] == ("width", 50, 50, 50, 100, 200, 400, 400)
    assert _table(card, "Original images", "Shape").rows[0] == ("width / height", 1, 1, 1, 1, 2, 4, 4)
    assert _table(card, "Original images", "Colour modes").rows == (("RGB", 2), ("CMYK", 1), ("L", 1))


def test_the_card_says_what_decided_the_splits(tmp_path: Path) -> None:
    made = CardDataset([("train", picture(0))])
    assert _facts(_describe(made, tmp_path), "Dataset")["splits"] == "as the source says"
    by = "by train.txt and val.txt"
    assert _facts(_describe(made, tmp_path, split_by=by), "Dataset")["splits"] == by


def test_class_balance(tmp_path: Path) -> None:
    label = [0, 0, 0, 0, 0, 0, 2, 2, 2, 1, -1]
    splits = ["train"] * 9 + ["test", "train"]
    made = CardDataset([(split, picture(seed)) for seed, split in enumerate(splits)], label=label)
    card = _describe(made, tmp_path, classes=["cat", "dog", "fox", "yak"])
    assert _facts(card, "Classes") == {
        "classes": 4,
        "images without a class": 1,
        "classes without an image": 1,
        "classes with images, but none to train on": 1,
        "imbalance: largest / smallest class": 6.0,
    }
    table = _table(card, "Classes", "Images by class")
    assert table.rows == (("cat", 6), ("fox", 3), ("dog", 1), ("yak", 0))
    assert table.bars == (100.0, 50.0, 16.7, 0.0)


def test_of_many_classes_the_ends_are_shown(tmp_path: Path) -> None:
    label = [number for number in range(50) for _ in range(1 + (number == 7))]
    made = CardDataset([("train", picture(seed)) for seed in range(len(label))], label=label)
    card = _describe(made, tmp_path, classes=[f"c{number:02d}" for number in range(50)])
    largest, smallest = _section(card, "Classes").tables
    assert largest.rows[:3] == (("c07", 2), ("c00", 1), ("c01", 1))
    assert smallest.rows[-1] == ("c49", 1)
    assert len(largest.rows) == len(smallest.rows) == 10
    assert smallest.bars == (50.0,) * 10


def test_captions(tmp_path: Path) -> None:
    captions = ["A cat on a mat", "the cat's dog", None, "  ", "A cat on a mat"]
    made = CardDataset([("train", picture(seed)) for seed in range(5)])
    made.manifest["caption"] = pd.Series(captions, dtype="str")
    card = _describe(made, tmp_path)
    assert _facts(card, "Captions") == {
        "captions": 3,
        "images without one": 2,
        "different captions": 2,
        "different words": 7,
    }
    length = _table(card, "Captions", "Length")
    assert length.rows[0] == ("words", 3, 3, 3, 5, 5, 5, 5)
    assert length.rows[1] == ("characters", 13, 13, 13, 14, 14, 14, 14)
    words = _table(card, "Captions", "Most frequent words").rows
    assert words == (("a", 2), ("cat", 2), ("mat", 2), ("on", 2), ("cat's", 1), ("dog", 1), ("the", 1))


def test_captions_that_are_all_empty_are_no_error(tmp_path: Path) -> None:
    made = CardDataset([("train", picture(0))])
    made.manifest["caption"] = pd.Series([None], dtype="str")
    assert _facts(_describe(made, tmp_path), "Captions")["captions"] == 0


def test_boxes(tmp_path: Path) -> None:
    made = CardDataset([("train", picture(seed)) for seed in range(3)])
    boxes = pd.DataFrame(
        {
            "id": pd.Series(["0000000", "0000000", "0000002"], dtype="str"),
            "label": np.array([1, 1, 0], dtype=np.int64),
            "x": [0.0, 0.0, 0.0],
            "y": [0.0, 0.0, 0.0],
            "width": [0.5, 1.0, 0.5],
            "height": [0.5, 1.0, 1.0],
        }
    )
    card = _describe(made, tmp_path, boxes=boxes, box_classes=["dog", "cat", "yak"])
    assert _facts(card, "Boxes") == {
        "boxes": 3,
        "images without one": 1,
        "classes of boxes": 3,
        "classes without a box": 1,
    }
    assert _section(card, "Boxes").tables[0].rows == (
        ("boxes per image", 0, 0, 0, 1, 2, 2, 2),
        ("area, of the image", 0.25, 0.25, 0.25, 0.5, 1.0, 1.0, 1.0),
    )
    assert _table(card, "Boxes", "Boxes by class").rows == (("cat", 2), ("dog", 1), ("yak", 0))


def test_rejected_images_are_grouped_by_reason_and_listed(tmp_path: Path) -> None:
    rejected = [(f"thin/{n}.png", f"{n} x 3 pixels: the shorter side is below 4") for n in range(30)]
    rejected += [("b.jpg", "the file is empty (0 bytes)"), ("a.jpg", "the file is empty (0 bytes)")]
    made = CardDataset([("train", picture(0))])
    card = _describe(made, tmp_path, rejected=rejected, ignored={".txt": 2, ".json": 5})
    assert _facts(card, "Left out") == {"images left out": 32, "reasons": 2, "files passed over": 7}
    counts, thin, empty, ignored = _section(card, "Left out").tables
    assert counts.rows == (("N x N pixels: the shorter side is below N", 30), ("the file is empty (0 bytes)", 2))
    assert "the first 20 of 30" in thin.caption
    assert len(thin.rows) == 20
    assert thin.rows[1] == ("thin/1.png", "1 x 3 pixels: the shorter side is below 4")
    assert [row[0] for row in empty.rows] == ["b.jpg", "a.jpg"]
    assert ignored.rows == ((".json", 5), (".txt", 2))


def test_sections_without_contents_are_left_out(tmp_path: Path) -> None:
    card = _describe(CardDataset([("train", picture(0))]), tmp_path)
    titles = {section.title for section in card.sections}
    assert not titles & {"Classes", "Captions", "Boxes"}
    assert card.warnings == ()


def test_a_reencoded_training_image_in_test_is_a_warning_with_both_ids(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    images = [("train", picture(seed)) for seed in range(20)]
    images += [("validation", picture(50)), ("test", _jpeg(picture(7))), ("test", picture(60))]
    made = CardDataset(images)
    with caplog.at_level(logging.WARNING):
        card = _describe(made, tmp_path)
    [warning] = card.warnings
    assert "test has near duplicates of train: 1 pairs look the same" in warning
    assert "0000007 = 0000021" in warning
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert warning in caplog.text
    assert _facts(card, "Duplicates")["exact copies in different splits, pairs"] == 0
    assert [row[:4] for row in _table(card, "Duplicates", "Look the same").rows] == [
        ("0000007", "raw/0000007.jpg", "0000021", "raw/0000021.jpg")
    ]
    assert [picture.file for picture in card.pictures] == ["contact_sheet.png", "near_duplicates.png"]


def test_like_images_within_a_split_or_between_validation_and_test_are_no_leak(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    images = [("train", picture(1)), ("train", _jpeg(picture(1)))]
    images += [("validation", picture(2)), ("test", _jpeg(picture(2)))]
    with caplog.at_level(logging.WARNING):
        card = _describe(CardDataset(images), tmp_path)
    assert card.warnings == ()
    assert not caplog.records
    assert _facts(card, "Duplicates")["near duplicates in different splits, pairs that look the same"] == 1


def test_hashes_that_agree_by_chance_are_no_leak(tmp_path: Path) -> None:
    """The same hash, other colours: the second look tells them apart."""
    image = picture(3)
    dark = Image.eval(image, lambda value: value // 3)
    made = CardDataset([("train", image), ("test", dark)])
    hashes = [("0000000", "train", 0xF0F0F0F0F0F0), ("0000001", "test", 0xF0F0F0F0F0F0)]
    card = describe(made.write(tmp_path), hashes, made.thumbnails)
    assert card.warnings == ()
    assert _table(card, "Duplicates", "Near duplicates").rows == (("train and test", "1", "1 and 1", 1, 0, 0),)


def test_exact_copies_within_and_across_splits(tmp_path: Path) -> None:
    images = [("train", picture(1)), ("train", picture(1)), ("train", picture(2)), ("test", picture(1))]
    made = CardDataset(images)
    card = _describe(made, tmp_path)
    facts = _facts(card, "Duplicates")
    assert facts["exact copies within a split"] == 1
    assert facts["exact copies in different splits, pairs"] == 2
    assert card.warnings[0].startswith("1 images of test are exact copies of images of train (2 pairs; the first: ")
    assert "0000000 = 0000003, 0000001 = 0000003" in card.warnings[0]
    within = _table(card, "Duplicates", "Exact copies within train")
    assert within.rows == (("0000000", "raw/0000000.jpg", "0000001", "raw/0000001.jpg", 0),)


def test_flat_images_raise_no_alarm_but_for_exact_copies(tmp_path: Path) -> None:
    colours = ["white", "black", "#101010", "#f8f8f8"]
    images = [("train", Image.new("RGB", (64, 64), colour)) for colour in colours]
    made = CardDataset([*images, ("test", Image.new("RGB", (64, 64), "#111111"))])
    card = _describe(made, tmp_path / "alike")
    assert card.warnings == ()
    assert _facts(card, "Duplicates")["flat images, of which only exact copies are found"] == 5
    copied = CardDataset([*images, ("test", Image.new("RGB", (64, 64), "white"))])
    [warning] = _describe(copied, tmp_path / "copied").warnings
    assert "exact copies" in warning


def test_at_most_twenty_pairs_are_listed_and_all_are_counted(tmp_path: Path) -> None:
    images = [("train", picture(seed)) for seed in range(30)] + [("test", picture(seed)) for seed in range(30)]
    card = _describe(CardDataset(images), tmp_path)
    exact, near = card.warnings
    assert exact.startswith("30 images of test are exact copies of images of train (30 pairs; ")
    assert exact.count(" = ") == near.count(" = ") == 20
    assert "30 pairs look the same" in near
    assert len(_table(card, "Duplicates", "Exact copies: train and test").rows) == 20
    assert exact.endswith("; all are in leaks.csv)")


def test_every_leaking_image_is_in_a_file_beside_the_card(tmp_path: Path) -> None:
    images = [("train", picture(seed)) for seed in range(30)] + [("train", picture(0))]
    images += [("test", picture(seed)) for seed in range(25)]
    images += [("validation", _jpeg(picture(28))), ("validation", picture(90)), ("test", picture(90))]
    card = _describe(CardDataset(images), tmp_path / "dataset")
    write_card(card, tmp_path / "card")
    with (tmp_path / "card/leaks.csv").open(newline="") as stream:
        rows = [*csv.DictReader(stream)]
    copies = {row["id"]: row["train_id"] for row in rows if row["kind"] == "copy"}
    assert copies == {f"{31 + number:07d}": f"{number:07d}" for number in range(25)}  # the first copy in train
    (alike,) = [row for row in rows if row["kind"] != "copy"]
    assert int(alike.pop("bits")) <= 4
    assert alike == {
        "split": "validation", "id": "0000056", "origin": "raw/0000056.jpg", "kind": "looks the same",
        "train_id": "0000028", "train_origin": "raw/0000028.jpg",
    }  # fmt: skip
    write_card(_describe(CardDataset(images[:5]), tmp_path / "clean"), tmp_path / "card")
    assert not (tmp_path / "card/leaks.csv").exists()


def test_captions_and_hashes_are_read_a_few_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = CardDataset([("train", picture(seed)) for seed in range(7)])
    made.manifest["caption"] = pd.Series(["a b", None, " ", "a b", "c", "d e f", "c"], dtype="str")
    whole = _describe(made, tmp_path)
    for module in (captions, duplicates):
        monkeypatch.setattr(module, "CHUNK", 2)
    assert _describe(made, tmp_path) == whole
    assert _facts(whole, "Captions")["different captions"] == 3


def test_copies_go_by_the_files_where_pixels_were_not_hashed() -> None:
    made = CardDataset([("train", picture(1)), ("test", picture(2))], sha256=["a" * 64] * 2)
    manifest = made.manifest.drop(columns="pixels")
    none = pd.DataFrame(columns=["path", "reason"], dtype="str")
    card = describe_tables(made.description(), manifest, none, None, made.values(), made.thumbnails)
    assert "exact copies" in card.warnings[0]
    assert "the bytes of the files" in _section(card, "Duplicates").note


def test_the_order_of_the_hashes_does_not_matter(tmp_path: Path) -> None:
    made = CardDataset([("train", picture(1)), ("train", picture(2)), ("test", _jpeg(picture(2)))])
    folder = made.write(tmp_path)
    forward = describe(folder, made.hashes(), made.thumbnails)
    assert forward == describe(folder, reversed(made.hashes()), made.thumbnails)
    assert forward.warnings


@pytest.mark.parametrize("damage", ["missing", "foreign", "twice", "other split"])
def test_hashes_of_another_dataset_are_refused(tmp_path: Path, damage: str) -> None:
    made = CardDataset([("train", picture(1)), ("test", picture(2))])
    hashes = made.hashes()
    changed = {
        "missing": hashes[:1],
        "foreign": [hashes[0], ("other", "test", 5)],
        "twice": [hashes[0], hashes[0]],
        "other split": [hashes[0], ("0000001", "train", 5)],
    }[damage]
    with pytest.raises(InputError, match="prepare it again"):
        describe(made.write(tmp_path), changed, made.thumbnails)


def test_the_contact_sheet_shows_every_split_evenly() -> None:
    splits = ["train"] * 1000 + ["validation"] * 5 + ["test"] * 200
    chosen = choose(pd.DataFrame({"split": splits}))
    assert {name: len(rows) for name, rows in chosen.items()} == {"train": 30, "validation": 5, "test": 29}
    assert (chosen["train"][0], chosen["train"][-1]) == (0, 999)
    assert set(np.diff(chosen["train"])) == {34, 35}
    assert sum(map(len, choose(pd.DataFrame({"split": ["train"] * 1000})).values())) == 64
    assert choose(pd.DataFrame({"split": ["test"] * 3})) == {"test": [0, 1, 2]}
