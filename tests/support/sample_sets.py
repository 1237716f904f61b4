"""Sample sets as a sampler leaves them, with any images, and what they are measured with."""

import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from ldm_pipelines.compute import Compute
from ldm_pipelines.evaluation.networks.artefacts import open_network
from ldm_pipelines.evaluation.reconstructions import evaluate_reconstruction
from ldm_pipelines.evaluation.reference import evaluate_reference
from ldm_pipelines.evaluation.samples import evaluate_samples
from ldm_pipelines.evaluation.spec import Distribution, Evaluation, Reconstruction, Reference
from ldm_pipelines.preparation.spec import Dataset

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
DISTRIBUTION = Distribution(neighbours=3, is_splits=2, kid_subsets=4, kid_subset_size=20, replicates=4)
EVALUATION = Evaluation(
    name="digits_ldm4",
    samples="digits_samples",
    reference="digits_test",
    dataset="digits",
    split="test",
    feature_network="classifier",
    perceptual_network="classifier",
    distribution=DISTRIBUTION,
    suite="samples",
)
RECONSTRUCTION = Reconstruction(
    name="digits_kl",
    autoencoder="kl",
    dataset="digits",
    split="test",
    feature_network="classifier",
    perceptual_network="classifier",
    distribution=DISTRIBUTION,
    suite="reconstruction",
)


def measure_set(
    spec: Evaluation, samples: Path, dataset: Path, network: Path, *, compute: Compute = COMPUTE
) -> dict[str, Any]:
    """``evaluate_samples`` against a reference made for it."""
    reference = Reference(
        name=spec.reference, dataset=spec.dataset, split=spec.split, feature_network=spec.feature_network
    )
    with TemporaryDirectory() as folder:
        made = evaluate_reference(
            reference, dataset, open_network(network, compute), workspace=Path(folder) / "reference", compute=compute
        )
        return evaluate_samples(
            spec, samples, made, dataset, network, network, workspace=Path(folder) / "work", compute=compute
        )


def measure_rebuilt(
    spec: Reconstruction, autoencoder: Path, dataset: Path, network: Path, *, compute: Compute = COMPUTE
) -> dict[str, Any]:
    """``evaluate_reconstruction`` in a workspace of its own."""
    with TemporaryDirectory() as folder:
        return evaluate_reconstruction(
            spec, autoencoder, dataset, network, network, workspace=Path(folder), compute=compute
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
