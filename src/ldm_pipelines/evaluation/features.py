"""One pass of a feature network over a set of images."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from ldm_pipelines.compute import Compute
from ldm_pipelines.data.tensors import to_tensor
from ldm_pipelines.errors import InputError
from ldm_pipelines.evaluation.image_sets import ImageSet
from ldm_pipelines.feature_networks.features import FeatureNetwork, Features


@dataclass(frozen=True)
class ImageFeatures:
    """Everything that FID, Inception Score, precision, recall and accuracy need to know of an image set."""

    pool: NDArray[np.float32]
    """(n, d), the penultimate layer."""
    logits: NDArray[np.float32]
    """(n, classes)."""
    labels: NDArray[np.int64]
    """(n,), the classes the images are meant to show; -1 is none."""

    def accuracy(self) -> float | None:
        """Share of labelled images that the network assigns to their class; None without labels."""
        known = self.labels >= 0
        if not known.any():
            return None
        return float((self.logits[known].argmax(axis=1) == self.labels[known]).mean())


class FeatureCollector:
    """Gathers a network's output, batch by batch."""

    def __init__(self) -> None:
        self._pool: list[NDArray[np.float32]] = []
        self._logits: list[NDArray[np.float32]] = []

    def add(self, features: Features) -> None:
        """Take in a batch: ``pool`` (b, d), ``logits`` (b, classes), on any device."""
        self._pool.append(features.pool.float().cpu().numpy())
        self._logits.append(features.logits.float().cpu().numpy())

    def finish(self, labels: NDArray[np.int64], what: str) -> ImageFeatures:
        """Raises ``InputError``, calling the images ``what``, where a feature is not finite."""
        features = ImageFeatures(np.concatenate(self._pool), np.concatenate(self._logits), labels)
        if not (np.isfinite(features.pool).all() and np.isfinite(features.logits).all()):
            raise InputError(f"the feature network gives NaN or infinity on {what}; train it again")
        return features


@torch.inference_mode()
def extract(network: FeatureNetwork, images: ImageSet, *, compute: Compute, what: str) -> ImageFeatures:
    """Features of all ``images`` in their order; ``what`` names them in the progress bar and in errors.

    Raises:
        InputError: an image cannot be read (it is named), or the network has no pooled features.
    """
    device = compute.torch_device()
    network.to(device)
    collector = FeatureCollector()
    for indices in batches(len(images), compute, what):
        collector.add(network(to_tensor(images.pixels(indices)).to(device)))
    return collector.finish(images.labels, what)


def batches(count: int, compute: Compute, what: str) -> "tqdm[NDArray[np.int64]]":
    """Indices 0 … count - 1 in batches, behind a progress bar."""
    size = compute.inference_batch_size
    indices = np.arange(count)
    pieces = [indices[first : first + size] for first in range(0, count, size)]
    return tqdm(pieces, desc=f"measure {what}", unit="batch", disable=not compute.progress)
