"""Confidence intervals by resampling images (Efron, 1979)."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from tqdm import tqdm

from ldm_pipelines.feature_networks.frechet import Gaussian, frechet_distance, gaussian

CONFIDENCE = 0.95
SEED = 2020
"""Of everything that an evaluation draws: resampled images, subsets."""
PATIENCE = 3.0
"""Seconds that something may take before it shows its progress."""


@dataclass(frozen=True)
class Interval:
    """A statistic of the images at hand, and the 95 % interval of what it would be over other draws of images."""

    value: float
    low: float
    high: float


def bootstrap_mean(values: ArrayLike, *, seed: int, replicates: int = 2000) -> Interval:
    """Percentile interval of the mean of per-image values (n,).

    Raises:
        ValueError: fewer than 2 values, NaN or infinity among them, or fewer than 2 replicates.
    """
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.ndim != 1 or not np.isfinite(numbers).all():
        raise ValueError(f"expected finite numbers (n,), not an array of shape {numbers.shape}")
    means = _replicate(lambda rows: float(numbers[rows].mean()), len(numbers), seed, replicates)
    low, high = percentiles(means)
    return Interval(float(numbers.mean()), low, high)


def bootstrap_fid(
    samples: ArrayLike, reference: Gaussian, *, seed: int, replicates: int = 200, progress: bool = False
) -> Interval:
    """Interval of the FID of n samples (n, d) against a reference that is taken as given.

    Every replicate resamples the features themselves: resampled moments would need their fourth moments, or a Gaussian
    that features are not. It costs an FID (O(n d^2 + d^3)): with 50,000 images of 2048 dimensions seconds each,
    ``replicates`` times: ``progress`` shows how many are done.

    A replicate has n images of which 63 % differ, and FID rises as images get fewer: replicates lie above the FID by
    about its own bias, whatever the draw. That much is taken off the percentiles, which are those of the replicates
    around their mean. The interval is one of the FID at this number of images; ``fid_infinity`` is about the bias.

    Raises:
        ValueError: fewer than 2 samples or 2 replicates, or features of another dimension than the reference's.
    """
    features = np.asarray(samples)
    value = frechet_distance(reference, gaussian(features))
    distances = _replicate(
        lambda rows: frechet_distance(reference, gaussian(features[rows])), len(features), seed, replicates, progress
    )
    low, high = percentiles(distances - distances.mean())
    return Interval(value, value + low, value + high)


def _replicate(
    statistic: Callable[[NDArray[np.int64]], float], count: int, seed: int, replicates: int, progress: bool = False
) -> NDArray[np.float64]:
    """``statistic`` of the indices of ``replicates`` draws with replacement; number i has its own generator."""
    if min(count, replicates) < 2:
        raise ValueError(f"an interval takes 2 images and 2 replicates or more, not {count} and {replicates}")
    numbers = tqdm(range(replicates), "bootstrap", unit="draw", delay=PATIENCE, leave=False, disable=not progress)
    generators = (np.random.default_rng((seed, number)) for number in numbers)
    return np.array([statistic(rng.integers(count, size=count)) for rng in generators])


def percentiles(values: NDArray[np.float64]) -> tuple[float, float]:
    """The ends of the interval that holds 95 % of ``values``."""
    low, high = np.quantile(values, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)
