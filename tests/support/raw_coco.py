"""A tiny COCO with captions and COCO-Stuff's maps, laid out and encoded like the real one."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from support.image_files import photograph

CAPTIONS = {
    "train": {522418: ["A woman cuts a cake.\n", "Cake!"], 9: ["Broccoli", "Food in boxes"], 30: ["Flowers"]},
    "val": {139: ["A room with a tv", "A clock"], 42: ["A shoe and a dog"]},
}
"""By image id, in the order of the annotations' ids."""


def make_coco(root: Path, year: int = 2017, maps: bool = False) -> Path:
    """Three training and two validation images; annotations are in the reverse order of their ids."""
    for split, images in CAPTIONS.items():
        write_captions(root, split, year)
        for seed, identity in enumerate(images, start=10 * len(split)):
            file = root / f"{split}{year}" / file_name(split, year, identity)
            file.parent.mkdir(parents=True, exist_ok=True)
            photograph(seed, 20 + seed % 10, 16).save(file, quality=95)
            if maps:
                png = root / "stuffthingmaps" / f"{split}{year}" / f"{file.stem}.png"
                png.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(map_of(identity, (16, 20 + seed % 10))).save(png)
    return root


def file_name(split: str, year: int, identity: int) -> str:
    return f"{f'COCO_{split}2014_' if year == 2014 else ''}{identity:012d}.jpg"


def map_of(identity: int, shape: tuple[int, int]) -> np.ndarray:
    """Pixels of a map file: classes 0 to 181, and 255 for none."""
    values = np.random.default_rng(identity).integers(0, 183, shape, dtype=np.uint8)
    return np.where(values == 182, 255, values).astype(np.uint8)


def caption_file(root: Path, split: str, year: int = 2017) -> Path:
    return root / "annotations" / f"captions_{split}{year}.json"


def write_captions(root: Path, split: str, year: int) -> None:
    images = [
        {"license": 1, "file_name": file_name(split, year, identity), "height": 16, "width": 20, "id": identity}
        for identity in CAPTIONS[split]
    ]
    annotations: list[dict[str, Any]] = []
    for identity, captions in CAPTIONS[split].items():
        for caption in captions:
            annotations.append({"image_id": identity, "id": 38 + len(annotations), "caption": caption})
    content = {"info": {"year": year}, "images": images, "licenses": [], "annotations": annotations[::-1]}
    file = caption_file(root, split, year)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content))
