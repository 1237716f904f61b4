"""COCO's boxes: ``instances_train2017.json`` (80 classes of things) and ``stuff_train2017.json`` (91 of stuff).

Of files of several hundred megabytes, with 860,000 objects and more, compact columns are kept.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ldm_pipelines.preparation.annotations.box_table import DECIMALS, BoxTable, Ids
from ldm_pipelines.preparation.annotations.coco_annotations import AnnotationFile
from ldm_pipelines.preparation.annotations.coco_images import CocoImages, images_of

OTHER = "other"
"""The stuff files' 92nd class, id 183: every thing at once. sg2im and taming-transformers leave it out too."""
LARGEST = 1_000_000
"""Pixels."""


class Rules(NamedTuple):
    """Which boxes are taken."""

    min_area: float
    """Boxes must fill more than this part of the image."""
    crowds: bool
    """Whether those around a crowd are."""


class _Boxes(NamedTuple):
    """Boxes in the order of their annotations' ids."""

    owners: Ids
    """Positions of their images."""
    labels: NDArray[np.int16]
    corners: NDArray[np.float32]
    """``(boxes, 4)``: left, right, top, bottom in fractions of the image."""


def read_boxes(things: Path, stuff: Path | None, rules: Rules) -> tuple[CocoImages, tuple[str, ...]]:
    """All images of ``things`` with their boxes, and the names of the boxes' classes.

    Classes are in the order of their ids, things before stuff; so are an image's boxes, in the order of their
    annotations' ids. Boxes are cut at the image's edge, and those of which nothing is left are dropped. Raises
    ``InputError`` naming file, row and key.
    """
    images, sizes, classes, found = _read_things(things, rules)
    parts = [found]
    if stuff is not None:
        content = AnnotationFile(stuff, "stuff")
        labels = _labels(content, classes, without=OTHER)
        parts.append(_read(content, labels, images.places(), f"the images of {things.name}", sizes, rules))
    owners, labels_of_boxes, corners = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    places = np.arange(len(images.ids), dtype=np.uint64)
    return images._replace(boxes=BoxTable.of(owners, labels_of_boxes, corners, places)), tuple(classes)


def _read_things(file: Path, rules: Rules) -> tuple[CocoImages, NDArray[np.float64], list[str], _Boxes]:
    """Images, their sizes, names of classes and boxes of the one file; what it took to read it is let go."""
    content = AnnotationFile(file, "instance")
    images = images_of(content)
    places, classes = images.places(), list[str]()
    sizes, labels = _sizes(content, places), _labels(content, classes)
    return images, sizes, classes, _read(content, labels, places, "its images", sizes, rules)


def _read(
    content: AnnotationFile,
    labels: dict[int, int],
    places: dict[int, int],
    images: str,
    sizes: NDArray[np.float64],
    rules: Rules,
) -> _Boxes:
    owners = np.array(content.references("image_id", places, images), np.uint64)
    label = np.array(content.references("category_id", labels, "its categories"), np.int16)
    corners = _corners(content, sizes[owners])
    kept = (label >= 0) & (_area(corners) > rules.min_area)
    if not rules.crowds:
        kept &= np.array(content.column("annotations", "iscrowd", int), np.int64) == 0
    order = np.argsort(content.column("annotations", "id", int), kind="stable")
    order = order[kept[order]]
    return _Boxes(owners[order], label[order], corners[order].astype(np.float32))


def _labels(content: AnnotationFile, classes: list[str], without: str | None = None) -> dict[int, int]:
    """Index into ``classes``, to which names are added, by the id of the category; -1 for that ``without`` names."""
    rows, names = content.positions("categories"), content.column("categories", "name", str)
    labels = {}
    for identity in sorted(rows):
        name = names[rows[identity]]
        if name in classes:
            raise content.wrong("categories", rows[identity], "name", f"there are two classes called {name!r}")
        labels[identity] = -1 if name == without else len(classes)
        if name != without:
            classes.append(name)
    return labels


def _sizes(content: AnnotationFile, places: dict[int, int]) -> NDArray[np.float64]:
    """``(images, 2)``: width and height of the image at each place."""
    rows = [places[identity] for identity in content.column("images", "id", int)]
    sizes = np.empty((len(places), 2))
    for axis, key in enumerate(("width", "height")):
        sides = content.column("images", key, int)
        for row, side in enumerate(sides):
            if not 1 <= side <= LARGEST:
                raise content.wrong("images", row, key, f"{side} is no number of pixels")
        sizes[rows, axis] = sides
    return sizes


def _corners(content: AnnotationFile, sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    """``(boxes, 4)``: left, right, top, bottom in fractions of the image, moved to its edge where they lie outside."""
    boxes = content.column("annotations", "bbox", list)
    for row, box in enumerate(boxes):
        if not _is_box(box):
            problem = f"must be [x, y, width, height] in pixels, not {str(box)[:60]}"
            raise content.wrong("annotations", row, "bbox", problem)
    x, y, width, height = np.array(boxes, np.float64).reshape(-1, 4).T
    across, down = sizes.T
    corners = [x / across, (x + width) / across, y / down, (y + height) / down]
    return np.round(np.stack(corners, axis=1).clip(0, 1), DECIMALS)


def _is_box(box: list[Any]) -> bool:
    if len(box) != 4 or not all(type(number) in (int, float) and abs(number) <= LARGEST for number in box):
        return False  # also what is not a number (NaN)
    return bool(box[2] >= 0 and box[3] >= 0)


def _area(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    left, right, top, bottom = corners.T
    area: NDArray[np.float64] = (right - left) * (bottom - top)
    return area
