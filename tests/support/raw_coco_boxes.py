"""The annotation files with boxes of the tiny COCO: ``instances_*.json``, ``stuff_*.json``, and lists of images."""

import json
from pathlib import Path
from typing import Any

from PIL import Image
from support.raw_coco import CAPTIONS, file_name, make_coco

THINGS = {1: "person", 18: "dog", 51: "bowl", 56: "broccoli", 61: "cake", 72: "tv", 86: "vase"}
STUFF = {124: "grass", 154: "sand", 165: "table", 172: "wall-concrete", 183: "other"}
BOXES = {  # annotation's id, image, category, [x, y, width, height] in pixels, crowd; heights are 16
    "instances_train": (
        (1768, 522418, 1, [5.0, 4, 10, 8], 0),
        (90, 522418, 61, [-2, 8, 12, 12], 0),  # hangs over two edges
        (45, 9, 56, [2.1, 1.6, 4.2, 3.2], 0),  # of 21 pixels
        (900100000009, 9, 1, [0, 0, 21, 16], 1),
        (46, 9, 51, [3, 3, 0, 5], 0),
        (47, 30, 86, [11, 8, 5.5, 4], 0),  # of 22 pixels
    ),
    "instances_val": (
        (7, 139, 72, [10, 4, 5, 4], 0),
        (6, 139, 1, [2, 2, 4, 12], 0),
        (8, 42, 18, [0, 0, 10.5, 8], 0),  # of 21 pixels
    ),
    "stuff_train": (
        (10000002, 522418, 124, [0, 8, 20, 8], 0),
        (10000001, 522418, 183, [0, 0, 20, 16], 0),
        (10000003, 9, 165, [0, 0, 10.5, 16], 0),
        (10000004, 30, 183, [0, 0, 22, 16], 0),
    ),
    "stuff_val": (
        (20000001, 139, 172, [0, 0, 20, 8], 0),
        (20000002, 42, 154, [0, 8, 21, 8], 0),
        (20000003, 42, 154, [0, 0, 0.1, 0.1], 0),  # fills 0.00003
    ),
}


def make_coco_layouts(root: Path, year: int = 2017) -> Path:
    """The tiny COCO with boxes and without captions; annotations and categories are in no particular order."""
    make_coco(root, year)
    for split in CAPTIONS:
        (root / f"annotations/captions_{split}{year}.json").unlink()
        write_boxes(root, f"instances_{split}", THINGS, year)
        if year == 2017:
            write_boxes(root, f"stuff_{split}", STUFF, year)
            lists = root / "annotations/deprecated-challenge2017"
            lists.mkdir(exist_ok=True)
            (lists / f"{split}-ids.txt").write_text("".join(f"{i:012d}\n" for i in [*CAPTIONS[split]][:2]))
    return root


def annotation_file(root: Path, name: str, year: int = 2017) -> Path:
    return root / "annotations" / f"{name}{year}.json"


def write_boxes(root: Path, name: str, categories: dict[int, str], year: int) -> None:
    split = name.partition("_")[2]
    annotations = [
        {"segmentation": _outline(name, box), "area": 1.5, "iscrowd": crowd, "image_id": image, "bbox": box,
         "category_id": category, "id": identity}
        for identity, image, category, box, crowd in BOXES[name]
    ]  # fmt: skip
    content = {
        "info": {"year": year},
        "licenses": [],
        "images": [_image(root, split, year, identity) for identity in CAPTIONS[split]],
        "annotations": annotations,
        "categories": [{"supercategory": "x", "id": i, "name": name} for i, name in reversed(categories.items())],
    }
    annotation_file(root, name, year).write_text(json.dumps(content))


def _image(root: Path, split: str, year: int, identity: int) -> dict[str, Any]:
    name = file_name(split, year, identity)
    with Image.open(root / f"{split}{year}" / name) as image:
        width, height = image.size
    return {"license": 1, "file_name": name, "height": height, "width": width, "id": identity}


def _outline(name: str, box: list[float]) -> Any:
    """Polygons of things, run lengths of stuff."""
    if name.startswith("stuff"):
        return {"counts": "\\S1c0", "size": [16, 20]}
    x, y, width, height = box
    return [[x, y, x + width, y, x + width, y + height, x, y + height]]
