"""FID without the bias of a finite number of samples (Chong & Forsyth, 2020)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from tqdm import tqdm

from ldm_pipelines.evaluation.metrics.bootstrap import PATIENCE
from ldm_pipelines.feature_networks.frechet import Gaussian, frechet_distance, gaussian


@dataclass(frozen=True)
class FidInfinity:
    value: float
    """The line at 1/n = 0; may be below 0."""
    standard_error: float
    """Of the fit: how well the points lie on a line. All points come from one set of samples, whose own luck is not in
    it: that is what ``bootstrap_fid`` measures."""
    points: tuple[tuple[int, float], ...]
    """Sample counts, increasing, and the FID at each; the last is the FID of all samples."""


def fid_infinity(
    samples: ArrayLike,
    reference: Gaussian,
    *,
    seed: int,
    fewest: int | None = None,
    points: int = 15,
    progress: bool = False,
) -> FidInfinity:
    """The FID that samples (n, d) would have if there were infinitely many: least squares on FID = a + b / n.

    FID is measured on ``points`` random subsets, each drawn anew without replacement, of ``fewest`` to n samples evenly
    spaced in 1/n. ``fewest`` is n // 10 by default: the authors' code takes 5000 to 50,000, evenly spaced in n. The
    bias of a reference that is itself a sample stays, as in FID. The line holds where the subsets have more images than
    dimensions; otherwise take a larger ``fewest``. Costs ``points`` times an FID; ``progress``
    shows how many are done.

    Raises:
        ValueError: fewer than 3 points, or ``fewest`` is not between 2 and n, or leaves fewer counts than points.
    """
    features = np.asarray(samples)
    if features.ndim != 2:
        raise ValueError(f"features are a matrix (n, d), not an array of shape {features.shape}")
    counts = _counts(len(features), len(features) // 10 if fewest is None else fewest, points)
    rng = np.random.default_rng(seed)
    shown = tqdm(counts, "FID by count", unit="FID", delay=PATIENCE, leave=False, disable=not progress)
    subsets = (features[rng.choice(len(features), count, replace=False)] for count in shown)
    distances = np.array([frechet_distance(reference, gaussian(subset)) for subset in subsets])
    value, standard_error = _intercept(1 / counts, distances)
    pairs = tuple((int(n), float(fid)) for n, fid in zip(counts, distances, strict=True))
    return FidInfinity(value, standard_error, pairs)


def _counts(most: int, fewest: int, points: int) -> NDArray[np.int64]:
    if points < 3:
        raise ValueError(f"a line and its error need 3 points or more, not {points}")
    if not 2 <= fewest < most:
        raise ValueError(
            f"subsets of {fewest} and more cannot be drawn from {most} images; fewest must be 2 to {most - 1}"
        )
    counts = np.unique(np.rint(1 / np.linspace(1 / most, 1 / fewest, points)).astype(np.int64))
    if len(counts) < points:
        raise ValueError(f"there are no {points} counts from {fewest} to {most} evenly spaced in 1/n; ask for fewer")
    return counts


def _intercept(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float]:
    """Least squares y = a + b x: a and its standard error."""
    centred = x - x.mean()
    spread = centred @ centred
    slope = centred @ y / spread
    value = y.mean() - slope * x.mean()
    residual = y - value - slope * x
    variance = residual @ residual / (len(x) - 2)
    return float(value), float(np.sqrt(variance * (1 / len(x) + x.mean() ** 2 / spread)))
