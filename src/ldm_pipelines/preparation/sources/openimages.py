"""OpenImages: a folder of images for each split, named by 16 hexadecimal digits, and boxes as CSV files.

An image's id is its number, so that nine million of them, or 14.6 million boxes, are a few compact columns.
"""

import os
import re
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from ldm_pipelines.data.originals import Location
from ldm_pipelines.errors import InputError
from ldm_pipelines.preparation.annotations.box_table import BoxTable, Ids
from ldm_pipelines.preparation.annotations.openimages_boxes import read_boxes
from ldm_pipelines.preparation.annotations.openimages_classes import LAYOUT_MODEL, Classes, read_classes
from ldm_pipelines.preparation.listing.entries import Candidate, Entry, Listing, Refused, Shard
from ldm_pipelines.preparation.listing.files import (
    Signatures,
    Unusable,
    extension,
    inside,
    numbered,
    slices,
)
from ldm_pipelines.preparation.listing.missing import missing
from ldm_pipelines.preparation.source_specs.openimages import OpenImagesSource

IMAGE = re.compile(r"[0-9a-f]{16}\.jpg")
DIGITS = 16
BOX_FILES = {
    "train": ("oidv6-train-annotations-bbox.csv", "train-annotations-bbox.csv"),
    "validation": ("validation-annotations-bbox.csv",),
    "test": ("test-annotations-bbox.csv",),
}
CLASS_NAMES = ("class-descriptions-boxable.csv", "oidv7-class-descriptions-boxable.csv")
GET = "OpenImages V6 or V7 (images, and its box and class files), from its download page; images are CC BY 2.0"
LAYOUT = """
train/000002b66c9c498e.jpg ...
validation/0001eeaf4aed83f9.jpg ...
test/000026e7ee790996.jpg ...
oidv6-train-annotations-bbox.csv         (with boxes)
validation-annotations-bbox.csv          (with boxes)
test-annotations-bbox.csv                (with boxes)
class-descriptions-boxable.csv           (with boxes)
"""


def list_images(source: OpenImagesSource, raw: Path | None, name: str, image_size: int) -> Listing:
    """Images by split and id. With boxes: those of the box files whose number of (kept) boxes is within ``objects``.

    Raises ``InputError`` where a folder or file is missing, or a row of a file is broken.
    """
    if raw is None:
        raise missing(name, raw, "the dataset's folder", GET, LAYOUT)
    for split in source.splits:
        if not inside(raw, split, f"dataset {name!r}").is_dir():
            raise missing(name, raw, f"the folder {split}", GET, LAYOUT)
    return _with_boxes(source, raw, name) if source.boxes else _without_boxes(source, raw, name)


def _without_boxes(source: OpenImagesSource, raw: Path, name: str) -> Listing:
    shards: list[Shard] = []
    ignored: Counter[str] = Counter()
    for split in source.splits:
        ids = _ids_in(raw / split, ignored)
        if not len(ids):
            raise missing(name, raw, f"any image named as in {split}/000002b66c9c498e.jpg", GET, LAYOUT)
        shards += _shards(raw, split, BoxTable.empty(ids))
    return Listing(numbered(shards), ignored=dict(sorted(ignored.items())))


def _ids_in(folder: Path, ignored: Counter[str]) -> Ids:
    ids = np.fromiter(_ids(folder, ignored), dtype=np.uint64)
    ids.sort()
    return ids


def _ids(folder: Path, ignored: Counter[str]) -> Iterator[int]:
    with os.scandir(folder) as found:
        for entry in found:
            if IMAGE.fullmatch(entry.name):
                yield int(entry.name[:DIGITS], 16)
            elif not entry.name.startswith("."):
                ignored[f"{extension(entry.name) or 'no extension'} (no name of an OpenImages image)"] += 1


def _with_boxes(source: OpenImagesSource, raw: Path, name: str) -> Listing:
    classes = _classes(source, raw, name)
    fewest, most = source.objects
    shards: list[Shard] = []
    ignored: dict[str, int] = {}
    for split in source.splits:
        given = source.box_files.get(split)
        file = _find(raw, BOX_FILES[split] if given is None else (given,), name)
        table, images = read_boxes(file, classes, source.min_area, source.exclude_group_of)
        table = table.only(table.within(fewest, most))
        shards += _shards(raw, split, table)
        if left_out := images - len(table.ids):
            ignored[f"images of {split} without {fewest} to {most} boxes"] = left_out
    return Listing(numbered(shards), ignored=ignored, box_classes=classes.names)


def _classes(source: OpenImagesSource, raw: Path, name: str) -> Classes:
    file = _find(raw, CLASS_NAMES if source.class_names is None else (source.class_names,), name)
    if source.classes in (None, "layout_model"):
        return read_classes(file, None if source.classes is None else LAYOUT_MODEL, source.merge)
    kept = inside(raw, source.classes, f"dataset {name!r}: source.classes")
    if not kept.is_file():
        raise InputError(
            f"dataset {name!r}: source.classes: there is no file {source.classes} in {raw}; write one with a class in "
            "each line, or set it to null to keep all classes"
        )
    return read_classes(file, kept, source.merge)


def _find(raw: Path, names: tuple[str, ...], dataset: str) -> Path:
    for name in names:
        if (file := inside(raw, name, f"dataset {dataset!r}")).is_file():
            return file
    raise missing(dataset, raw, f"the file {' or '.join(names)}", GET, LAYOUT)


def _shards(raw: Path, split: str, table: BoxTable) -> Iterator[Shard]:
    for part in slices(len(table.ids)):
        entries = partial(_entries, raw, split, table.part(part))
        begin = f"{split}/{int(table.ids[part.start]):0{DIGITS}x}.jpg"
        yield Shard(entries, name=begin, size=part.stop - part.start)


def _entries(raw: Path, split: str, table: BoxTable) -> Iterator[Entry]:
    signatures = Signatures(raw)
    for number, image in enumerate(table.ids.tolist()):
        path = f"{split}/{image:0{DIGITS}x}.jpg"
        try:
            signature = signatures.image(path)
        except Unusable as reason:
            yield Refused(path, str(reason))
        else:
            yield Candidate(path, None, location=Location(path), signature=signature, split=split,
                            boxes=table.boxes(number))  # fmt: skip
