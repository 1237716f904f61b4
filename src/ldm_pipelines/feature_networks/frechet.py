"""Frechet distance between two sets of features (Heusel et al., 2017; "FID" with Inception features)."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike, NDArray

Float64 = NDArray[np.float64]


@dataclass(frozen=True)
class Gaussian:
    """First two moments of a feature set: ``mean`` (d,), unbiased ``covariance`` (d, d), from ``count`` vectors."""

    mean: Float64
    covariance: Float64
    count: int

    @cached_property
    def root(self) -> Float64:
        """A (d, r) with A A^T = covariance, r its numerical rank: no roots of the null space's rounding errors.

        Kept, because a reference is compared with many sets.
        """
        values, vectors = scipy.linalg.eigh(self.covariance)
        keep = values > max(values[-1], 0.0) * len(values) * np.finfo(np.float64).eps
        return np.asarray(vectors[:, keep] * np.sqrt(values[keep]))


class GaussianAccumulator:
    """Mean and covariance of features that arrive in batches, in float64.

    Batches are merged around their own means (Chan et al., 1979), so neither the offset of the features nor the batch
    size costs digits.
    """

    def __init__(self) -> None:
        self._count = 0
        self._mean: Float64 = np.zeros(0)
        self._scatter: Float64 = np.zeros((0, 0))

    def add(self, features: ArrayLike) -> None:
        """Take in a batch of features (n, d)."""
        batch = np.asarray(features, dtype=np.float64)
        if batch.ndim != 2:
            raise ValueError(f"features are a matrix (n, d), not an array of shape {batch.shape}")
        if not len(batch):
            return
        mean = batch.mean(axis=0)
        centred = batch - mean
        self._merge(len(batch), mean, centred.T @ centred)

    def _merge(self, count: int, mean: Float64, scatter: Float64) -> None:
        if not self._count:
            self._count, self._mean, self._scatter = count, mean, scatter
            return
        total = self._count + count
        shift = mean - self._mean
        self._scatter = self._scatter + scatter + np.outer(shift, shift) * (self._count * count / total)
        self._mean = self._mean + shift * (count / total)
        self._count = total

    def finish(self) -> Gaussian:
        """Moments of everything added; needs two vectors at least."""
        if self._count < 2:
            raise ValueError(f"a covariance needs at least 2 feature vectors, not {self._count}")
        return Gaussian(self._mean, self._scatter / (self._count - 1), self._count)


def gaussian(features: ArrayLike) -> Gaussian:
    """Moments of features (n, d)."""
    accumulator = GaussianAccumulator()
    accumulator.add(features)
    return accumulator.finish()


def frechet_distance(a: Gaussian, b: Gaussian) -> float:
    """|m_a - m_b|^2 + tr(S_a + S_b - 2 (S_a S_b)^1/2), non-negative.

    The last trace is the sum of the square roots of the eigenvalues of S_a^1/2 S_b S_a^1/2: a symmetric matrix, so no
    imaginary part can arise, and reduced to the rank of S_a, so fewer vectors than dimensions do no harm.
    """
    if a.mean.shape != b.mean.shape:
        raise ValueError(f"features have different dimensions: {a.mean.shape[0]} and {b.mean.shape[0]}")
    root = a.root
    eigenvalues = scipy.linalg.eigvalsh(root.T @ b.covariance @ root) if root.shape[1] else np.zeros(0)
    cross = np.sqrt(np.clip(eigenvalues, 0, None)).sum()
    shift = a.mean - b.mean
    distance = shift @ shift + np.trace(a.covariance) + np.trace(b.covariance) - 2 * cross
    return max(float(distance), 0.0)
