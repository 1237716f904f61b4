"""A second call in one workspace gives what a fresh one gives, also where a list or an annotation alone was edited."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.raw_coco import caption_file, make_coco
from support.raw_coco_boxes import annotation_file, make_coco_layouts
from support.raw_faces import make_faces, write_list
from support.raw_lsun import key, make_lsun
from support.raw_openimages import BOXES, CAT, FILES, PLANE, make_openimages, write_boxes
from support.raw_parquet import make_parquet
from support.raw_webdataset import make_webdataset

from ldm_pipelines.data.prepared import PreparedDataset
from ldm_pipelines.preparation.prepare import prepare
from ldm_pipelines.preparation.spec import Dataset

Edit = Callable[[Path], object]
BY_CONTENT = {"train": 1, "validation": 0, "test": 0}
CHURCHES = {"kind": "lsun", "category": "church_outdoor"}
FACES = {"kind": "faces", "train_list": "train.txt", "validation_list": "val.txt", "validation": 2}


def list_faces(raw: Path, held_out: int = 5) -> None:
    write_list(raw / "train.txt", *(f"{number:05d}.png" for number in range(6) if number != held_out))
    write_list(raw / "val.txt", f"{held_out:05d}.png")


def list_churches(raw: Path, held_out: int = 0) -> None:
    """Some of the first range of keys are in no list, so all later images have other numbers than without lists."""
    write_list(raw / "church_outdoor_train.txt", *(key(number) for number in range(290) if number != held_out))
    write_list(raw / "church_outdoor_val.txt", key(held_out))


def rewrite(file: Path, change: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))


def move_a_box(raw: Path) -> None:
    moved = [(*box[:2], 0.01, *box[3:]) if box[1] == CAT else box for box in BOXES["train"]]
    write_boxes(raw / FILES["train"], moved)


def rename_classes(raw: Path) -> None:
    file = raw / "class-descriptions-boxable.csv"
    file.write_text(file.read_text().replace(f"{PLANE},Airplane", f"{PLANE},Zeppelin"))


def label_again(raw: Path) -> None:
    (raw / "labels.csv").write_text("path,label\n00000/00000.png,dog\n00000/00001.png,cat\n")


def label(raw: Path) -> None:
    make_faces(raw, range(3))
    (raw / "labels.csv").write_text("path,label\n00000/00000.png,cat\n00000/00001.png,dog\n")


CASES: dict[str, tuple[dict[str, Any], Callable[[Path], object], Edit]] = {
    "faces get lists": (FACES, lambda raw: make_faces(raw, range(6)), list_faces),
    "other faces are listed": (
        FACES,
        lambda raw: [make_faces(raw, range(6)), list_faces(raw)],
        lambda raw: list_faces(raw, held_out=1),
    ),
    "churches get lists": (CHURCHES, lambda raw: make_lsun(raw, range(300), [300]), list_churches),
    "other churches are listed": (
        CHURCHES,
        lambda raw: [make_lsun(raw, range(300), [300]), list_churches(raw)],
        lambda raw: list_churches(raw, held_out=9),
    ),
    "captions are edited": (
        {"kind": "coco"},
        make_coco,
        lambda raw: rewrite(caption_file(raw, "train"), lambda c: c["annotations"][-1].update(caption="Edited")),
    ),
    "boxes of COCO are moved": (
        {"kind": "coco", "captions": None, "boxes": "things_and_stuff"},
        make_coco_layouts,
        lambda raw: rewrite(
            annotation_file(raw, "instances_train"), lambda c: c["annotations"][0].update(bbox=[1, 1, 4, 4])
        ),
    ),
    "boxes of OpenImages are moved": ({"kind": "openimages"}, make_openimages, move_a_box),
    "classes are renamed": ({"kind": "openimages"}, make_openimages, rename_classes),
    "images get other classes": ({"kind": "image_folder", "labels": "labels.csv"}, label, label_again),
    "a shard of a tar is renamed": (
        {"kind": "webdataset"}, make_webdataset, lambda raw: (raw / "2.tar").rename(raw / "3.tar"),
    ),
    "a Parquet file is renamed": (
        {"kind": "parquet"},
        make_parquet,
        lambda raw: (raw / "data/validation-00000-of-00001.parquet").rename(raw / "data/valid-00000-of-00001.parquet"),
    ),
}  # fmt: skip


def contents(folder: Path) -> dict[str, bytes]:
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize("storage", ["in_place", "packed"])
@pytest.mark.parametrize("case", CASES)
def test_an_edited_list_or_annotation_is_heeded_without_a_fresh_workspace(
    tmp_path: Path, dataset: Callable[..., Dataset], case: str, storage: str
) -> None:
    source, make, edit = CASES[case]
    raw, by_content = tmp_path / "raw", source["kind"] in ("image_folder", "webdataset")
    make(raw)
    spec = dataset(source=source, storage=storage, splits=BY_CONTENT if by_content else None)
    before = contents(prepare(spec, raw, tmp_path / "work", progress=False))
    assert contents(prepare(spec, raw, tmp_path / "work", progress=False)) == before
    edit(raw)
    again = prepare(spec, raw, tmp_path / "work", progress=False)
    assert contents(again) == contents(prepare(spec, raw, tmp_path / "fresh", progress=False)) != before
    prepared = PreparedDataset(again, raw)
    assert len(prepared.split("train").pixels(np.array([0]))) == 1  # it is where the manifest says
