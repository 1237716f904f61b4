"""Inception Score (Salimans et al., 2016), with the splits and the order of torch-fidelity."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import log_softmax, softmax

from ldm_pipelines.evaluation.metrics.bootstrap import Interval, percentiles

TORCH_FIDELITY_ORDER = 2020
"""torch-fidelity's default seed of the permutation that precedes splitting."""
REPLICATES_AT_ONCE = 100
"""Of a bootstrap: 100 x 50,000 weights are 40 MB."""


@dataclass(frozen=True)
class Score:
    """Mean and population standard deviation over the splits."""

    mean: float
    std: float


def inception_score(logits: ArrayLike, splits: int, *, order_seed: int | None = TORCH_FIDELITY_ORDER) -> Score:
    """exp(E KL(p(y|x) || p(y))) of class logits (n, k), per split.

    Images are permuted with ``order_seed`` first, as torch-fidelity does: a set that is sorted by class would otherwise
    have splits of few classes. ``None`` keeps the given order.
    """
    values = _ordered(logits, splits, order_seed)
    probabilities, logs = softmax(values, axis=1), log_softmax(values, axis=1)
    scores = []
    for p, log_p in zip(_chunks(probabilities, splits), _chunks(logs, splits), strict=True):
        # a class that underflows in every image contributes 0, not 0 * -inf
        log_q = np.log(np.maximum(p.mean(axis=0), np.finfo(np.float64).tiny))
        scores.append(np.exp((p * (log_p - log_q)).sum(axis=1).mean()))
    return Score(float(np.mean(scores)), float(np.std(scores)))


def bootstrap_score(
    logits: ArrayLike,
    splits: int,
    *,
    seed: int,
    replicates: int = 1000,
    order_seed: int | None = TORCH_FIDELITY_ORDER,
) -> Interval:
    """Interval of the mean over the splits, over other draws of images: each split's images are resampled.

    A replicate repeats images and misses others, which moves the score as a smaller split does: that bias is the same
    for all replicates and is taken off, as in ``bootstrap_fid``. Probabilities are resampled as weights, so a replicate
    costs one product with them.
    """
    values = _ordered(logits, splits, order_seed)
    probabilities, logs = softmax(values, axis=1), log_softmax(values, axis=1)
    rng = np.random.default_rng(seed)
    scores = np.zeros(replicates)
    for p, log_p in zip(_chunks(probabilities, splits), _chunks(logs, splits), strict=True):
        certainty = (p * log_p).sum(axis=1)
        for first in range(0, replicates, REPLICATES_AT_ONCE):
            rows = slice(first, min(first + REPLICATES_AT_ONCE, replicates))
            weights = _weights(len(p), rows.stop - first, rng)
            q = weights @ p
            log_q = np.log(np.maximum(q, np.finfo(np.float64).tiny))
            scores[rows] += np.exp(weights @ certainty - (q * log_q).sum(axis=1)) / splits
    low, high = percentiles(scores - scores.mean())
    value = inception_score(logits, splits, order_seed=order_seed).mean
    return Interval(value, value + low, value + high)


def _weights(count: int, replicates: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """(r, n): how often each replicate draws each image, over n."""
    drawn = [np.bincount(rng.integers(count, size=count), minlength=count) for _ in range(replicates)]
    return np.stack(drawn) / count


def _ordered(logits: ArrayLike, splits: int, order_seed: int | None) -> NDArray[np.float64]:
    values = np.asarray(logits, dtype=np.float64)
    if values.ndim != 2:
        raise ValueError(f"expected a matrix (n, classes), not an array of shape {values.shape}")
    if not 1 <= splits <= len(values):
        raise ValueError(f"{len(values)} images cannot be cut into {splits} splits")
    if order_seed is None:
        return values
    # the legacy generator on purpose: its permutation is the one torch-fidelity draws
    return values[np.random.RandomState(order_seed).permutation(len(values))]


def _chunks(rows: NDArray[np.float64], splits: int) -> list[NDArray[np.float64]]:
    n = len(rows)
    return [rows[i * n // splits : (i + 1) * n // splits] for i in range(splits)]
