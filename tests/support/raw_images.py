"""Raw images on disk and the parameters of a dataset made of them; a room's conftest imports what it needs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ldm_pipelines.preparation.spec import Dataset


@pytest.fixture
def dataset() -> Callable[..., Dataset]:
    """A dataset's parameters, with what a test cares about changed."""

    def make(**changes: Any) -> Dataset:
        parameters: dict[str, Any] = {
            "name": "pets",
            "source": {"kind": "image_folder"},
            "upstream": "data/01_raw/pets",
            "image_size": 16,
            "resize": "bicubic",
            "splits": {"train": 0.6, "validation": 0.2, "test": 0.2},
        }
        return Dataset.model_validate(parameters | changes)

    return make


@pytest.fixture
def photo() -> Callable[..., Image.Image]:
    """A smooth random RGB image: something every codec handles, and different for each seed."""

    def make(seed: int = 0, size: tuple[int, int] = (24, 20)) -> Image.Image:
        noise = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
        return Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC)

    return make


@pytest.fixture
def tree(tmp_path: Path, photo: Callable[..., Image.Image]) -> Path:
    """Six images of two classes, one of them nested, with mixed-case extensions, and files that are none."""
    root = tmp_path / "raw"
    names = ["cat/a.png", "cat/b.PNG", "cat/deep/cat/c.JPeG", "dog/a.jpg", "dog/b.TIFF", "dog/c.webp"]
    for seed, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        photo(seed).save(root / name)
    (root / "README.txt").write_text("about")
    (root / "cat" / "notes.TXT").write_text("more")
    (root / "LICENSE").write_text("free")
    (root / ".hidden.png").write_bytes(b"no image")
    (root / ".thumbnails").mkdir()
    (root / ".thumbnails" / "a.png").write_bytes(b"no image")
    (root / "dog" / "._a.jpg").write_bytes(b"resource fork")
    return root
