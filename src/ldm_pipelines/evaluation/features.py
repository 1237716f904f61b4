"""One pass over a set of images: each is decoded once, whatever is measured of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from ldm_pipelines.compute import Compute
from ldm_pipelines.errors import InputError
from ldm_pipelines.evaluation.batches import batches, measure
from ldm_pipelines.evaluation.images.image_set import ImageSet
from ldm_pipelines.evaluation.networks.measuring import MeasuringNetwork, Outputs
from ldm_pipelines.feature_networks.frechet import Gaussian, GaussianAccumulator

POOL, LOGITS = "pool.npy", "logits.npy"


@dataclass(frozen=True)
class SetFeatures:
    """Everything that the metrics of distributions need to know of n images; the arrays are memory-mapped files."""

    pool: NDArray[np.float32]
    """(n, d)."""
    logits: NDArray[np.float32] | None
    """(n, classes); None where the network has none."""
    moments: Gaussian
    """Of ``pool``, summed up in float64."""
    spatial: Gaussian | None
    """Of activations that still have places (sFID); None where the network has none."""

    def __len__(self) -> int:
        return len(self.pool)


class FeatureWriter:
    """Takes a network's outputs batch by batch: features into files, moments into sums."""

    def __init__(self, folder: Path, count: int, what: str) -> None:
        """``folder`` exists; ``what`` names the images in errors."""
        self._folder, self._count, self._what = folder, count, what
        self._done = 0
        self._files: dict[str, NDArray[np.float32]] = {}
        self._moments, self._spatial = GaussianAccumulator(), GaussianAccumulator()
        self._has_spatial = False

    def add(self, outputs: Outputs) -> None:
        """Raises ``InputError`` where an output is not finite."""
        rows = slice(self._done, self._done + len(outputs.pool))
        for name, values in ((POOL, outputs.pool), (LOGITS, outputs.logits)):
            if values is not None:
                self._file(name, values.shape[1])[rows] = self._finite(values)
        self._moments.add(self._finite(outputs.pool))
        if outputs.spatial is not None:
            self._spatial.add(self._finite(outputs.spatial))
            self._has_spatial = True
        self._done = rows.stop

    def finish(self) -> SetFeatures:
        logits = self._files.get(LOGITS)
        spatial = self._spatial.finish() if self._has_spatial else None
        return SetFeatures(self._files[POOL], logits, self._moments.finish(), spatial)

    def _file(self, name: str, width: int) -> NDArray[np.float32]:
        if name not in self._files:
            shape = (self._count, width)
            self._files[name] = open_memmap(self._folder / name, mode="w+", dtype=np.float32, shape=shape)
        return self._files[name]

    def _finite(self, values: torch.Tensor) -> NDArray[np.float32]:
        array: NDArray[np.float32] = values.float().cpu().numpy()
        if not np.isfinite(array).all():
            raise InputError(f"the feature network gives NaN or infinity on {self._what}; train it again")
        return array


class Onlooker(Protocol):
    """What else is measured of images while they are in memory."""

    def add(self, indices: NDArray[np.int64], pixels: NDArray[np.uint8]) -> None:
        """Take in images (b, h, w, 3), the set's numbers ``indices`` (b,)."""
        ...


def extract(
    network: MeasuringNetwork,
    images: ImageSet,
    folder: Path,
    *,
    compute: Compute,
    what: str,
    onlookers: Sequence[Onlooker] = (),
) -> SetFeatures:
    """Features of all ``images`` in their order, into ``folder``; ``what`` names them in progress bar and errors.

    ``onlookers`` see the same images.

    Raises:
        InputError: an image cannot be read (it is named), or the network has no pooled features.
    """
    folder.mkdir(parents=True, exist_ok=True)
    writer = FeatureWriter(folder, len(images), what)
    for indices in batches(len(images), compute, what):
        pixels = images.pixels(indices)
        writer.add(measure(network, pixels))
        for onlooker in onlookers:
            onlooker.add(indices, pixels)
    return writer.finish()
