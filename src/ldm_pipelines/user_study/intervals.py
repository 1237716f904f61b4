"""95 % intervals of a share of choices."""

from math import sqrt

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm

CONFIDENCE = 0.95
REPLICATES = 10_000
SEED = 2020


def wilson(chosen: int, answers: int) -> tuple[float, float]:
    """Wilson's score interval (1927) of ``chosen / answers``, for answers that are independent of each other.

    Unlike the normal approximation's it stays within [0, 1] and is not empty where all chose alike.
    """
    z = float(norm.ppf((1 + CONFIDENCE) / 2))
    share, spread = chosen / answers, z * z / answers
    centre = share + spread / 2
    reach = z * sqrt(share * (1 - share) / answers + spread / (4 * answers))
    return (centre - reach) / (1 + spread), (centre + reach) / (1 + spread)


def bootstrap_participants(chosen: ArrayLike, answers: ArrayLike) -> tuple[float, float]:
    """Percentiles of the share when participants are drawn again, each with all of their answers.

    ``chosen`` and ``answers`` are counts (participants,). One person's answers go together, so what varies is who took
    part; with a handful of people the interval is too short, and empty where all agree.
    """
    k, n = np.asarray(chosen, dtype=np.int64), np.asarray(answers, dtype=np.int64)
    drawn = np.random.default_rng(SEED).integers(len(k), size=(REPLICATES, len(k)))
    shares = k[drawn].sum(axis=1) / n[drawn].sum(axis=1)
    low, high = np.quantile(shares, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)
