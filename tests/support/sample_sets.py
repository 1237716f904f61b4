"""Sample sets as a sampler leaves them, with any images, and what they are measured with."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from ldm_pipelines.compute import Compute
from ldm_pipelines.data.spec import Dataset
from ldm_pipelines.evaluation.spec import Evaluation

COMPUTE = Compute(device="cpu", progress=False, inference_batch_size=16)
DIGITS = Dataset.model_validate(
    {
        "name": "digits",
        "source": {"kind": "digits", "limit": 120},
        "upstream": "x",
        "image_size": 16,
        "resize": "bilinear",
        "splits": {"train": 0.5, "validation": 0.0, "test": 0.5},
    }
)
EVALUATION = Evaluation(
    name="digits_ldm4",
    samples="digits_samples",
    dataset="digits",
    split="test",
    feature_network="classifier",
    neighbours=3,
    is_splits=2,
    suite="samples",
)


def scenes(name: str, objects: tuple[int, int], overlap: float, count: int) -> Dataset:
    """Of which 7 in 10 are the test split."""
    source = {"kind": "scenes", "count": count, "objects": objects, "overlap": overlap, "grid": None, "seed": 0}
    return Dataset.model_validate(
        {
            "name": name,
            "source": source,
            "upstream": "x",
            "image_size": 32,
            "resize": "box",
            "splits": {"train": 0.3, "validation": 0.0, "test": 0.7},
        }
    )


def write_samples(folder: Path, pixels: np.ndarray, conditions: Sequence[str], **info: Any) -> Path:
    """A set of the images, uint8 (n, s, s, 3), which have the conditions of a dataset's images with these ids."""
    (folder / "images").mkdir(parents=True)
    paths = [f"images/{index:06d}.png" for index in range(len(pixels))]
    for path, image in zip(paths, pixels, strict=True):
        Image.fromarray(image).save(folder / path)
    frame = pd.DataFrame({"index": range(len(pixels)), "path": paths, "label": -1, "condition": [*conditions]})
    frame.to_parquet(folder / "samples.parquet", index=False)
    general = {"name": "made_up", "count": len(pixels), "image_size": pixels.shape[1], "seed": 0, "classes": []}
    (folder / "samples.json").write_text(json.dumps(general | info))
    return folder
