"""Tiny pairs of photographs and semantic maps in two folders."""

from pathlib import Path

import numpy as np
from PIL import Image
from support.image_files import photograph

NAMES = ("lake/b.jpg", "a.jpg", "lake/a.PNG", "sea.jpeg")
"""Images, each with a map."""


def make_pairs(root: Path) -> Path:
    """Four images and their maps of 182 classes."""
    for seed, name in enumerate(NAMES):
        add_image(root, name, seed)
        add_map(root, name, seed)
    return root


def add_image(root: Path, name: str, seed: int) -> None:
    file = root / "images" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    photograph(seed, 20 + seed, 16).save(file)


def add_map(root: Path, name: str, seed: int) -> None:
    file = (root / "maps" / name).with_suffix(".png")
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(map_of(seed)).save(file)


def map_of(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 182, (16, 20 + seed), dtype=np.uint8)
