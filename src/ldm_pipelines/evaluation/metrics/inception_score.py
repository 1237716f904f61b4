"""Inception Score (Salimans et al., 2016), with the splits and the order of torch-fidelity."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import log_softmax, softmax

TORCH_FIDELITY_ORDER = 2020
"""torch-fidelity's default seed of the permutation that precedes splitting."""


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
