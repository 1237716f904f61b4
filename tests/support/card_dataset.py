"""A prepared dataset on disk with chosen tables, and what its card asks of it."""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from ldm_pipelines.data.description import Description
from ldm_pipelines.data.manifest import BOXES, write_boxes, write_manifest, write_rejected
from ldm_pipelines.data.splits import SPLITS, pixel_hash
from ldm_pipelines.preparation.card.perceptual_hash import dhash


def picture(seed: int, size: int = 64) -> Image.Image:
    """A smooth random image, another for each seed."""
    noise = np.random.default_rng(seed).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((size, size), Image.Resampling.BICUBIC)


class CardDataset:
    """Images with their splits, and columns of the manifest to change."""

    def __init__(self, images: Sequence[tuple[str, Image.Image]], **columns: Sequence[Any]) -> None:
        self.images = {f"{number:07d}": image for number, (_, image) in enumerate(images)}
        count = len(images)
        frame: dict[str, Any] = {
            "id": list(self.images),
            "path": [f"images/{name}.png" for name in self.images],
            "origin": [f"raw/{name}.jpg" for name in self.images],
            "source_mode": ["RGB"] * count,
            "source_width": [image.width for image in self.images.values()],
            "source_height": [image.height for image in self.images.values()],
            "width": [image.width for image in self.images.values()],
            "height": [image.height for image in self.images.values()],
            "sha256": [sha256(name.encode()).hexdigest() for name in self.images],
            "pixels": [pixel_hash(np.asarray(image)) for image in self.images.values()],
            "split": [split for split, _ in images],
            "label": [-1] * count,
        }
        self.manifest = pd.DataFrame(frame | columns)

    def hashes(self) -> list[tuple[str, str, int]]:
        splits = self.manifest["split"]
        return [(name, split, dhash(self.images[name])) for name, split in zip(self.images, splits, strict=True)]

    def values(self) -> np.ndarray:
        return np.array([value for _, _, value in self.hashes()], dtype=np.uint64)

    def thumbnails(self, names: Sequence[str]) -> list[Image.Image]:
        return [self.images[name] for name in names]

    def description(self, **changes: Any) -> Description:
        parameters: dict[str, Any] = {
            "name": "pets",
            "source": "image_folder",
            "image_size": 64,
            "resize": "bicubic",
            "classes": [],
            "counts": {split: int((self.manifest["split"] == split).sum()) for split in SPLITS},
            "splits": None,
            "unlabelled": int((self.manifest["label"] < 0).sum()),
            "rejected": 0,
            "ignored": {},
        }
        return Description.model_validate(parameters | changes)

    def write(
        self,
        folder: Path,
        rejected: Iterable[tuple[str, str]] = (),
        boxes: pd.DataFrame | None = None,
        **changes: Any,
    ) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        self.description(**changes).write(folder)
        write_manifest([self.manifest], folder)
        write_rejected([pd.DataFrame(list(rejected), columns=["path", "reason"], dtype="str")], folder)
        if boxes is not None:
            write_boxes([boxes], folder)
            assert (folder / BOXES).is_file()
        return folder
