"""Kernel distance of two feature sets (Binkowski et al., 2018; "KID" with Inception features)."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ldm_pipelines.evaluation.metrics.neighbours import Features

TORCH_FIDELITY_SUBSETS = 2020
"""torch-fidelity's default seed of the draw of subsets."""


@dataclass(frozen=True)
class KernelDistance:
    """Mean and population standard deviation over the subsets; unbiased, so the mean may be below 0."""

    mean: float
    std: float


def kernel_distance(
    samples: Features,
    reference: Features,
    *,
    subsets: int = 100,
    subset_size: int = 1000,
    seed: int = TORCH_FIDELITY_SUBSETS,
) -> KernelDistance:
    """Squared maximum mean discrepancy of features (n, d) and (m, d), arrays or tensors, on their device, in float64.

    The protocol is torch-fidelity's: kernel (x . y / d + 1)^3, the unbiased estimate on each of ``subsets`` pairs of
    random subsets, drawn without replacement in its order. Papers often print the mean times 1000. The deviation is
    that of one subset's estimate; the mean's own error is smaller.

    Raises:
        ValueError: the shapes do not fit, or ``subset_size`` is below 2 or above the number of images of a set.
    """
    a, b = (torch.as_tensor(features) for features in (samples, reference))
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
        raise ValueError(f"features must be (n, d) and (m, d), not {tuple(a.shape)}, {tuple(b.shape)}")
    fewest = min(len(a), len(b))
    if not 2 <= subset_size <= fewest:
        raise ValueError(f"subsets of {subset_size} cannot be drawn from {fewest} images; it takes 2 to {fewest}")
    if subsets < 1:
        raise ValueError(f"{subsets} subsets give no mean; ask for 1 or more")
    # the legacy generator on purpose: its draws are those of torch-fidelity
    rng = np.random.RandomState(seed)
    estimates = []
    for _ in range(subsets):
        x, y = (_draw(features, subset_size, rng) for features in (a, b))
        estimates.append(_unbiased_discrepancy(x, y))
    return KernelDistance(float(np.mean(estimates)), float(np.std(estimates)))


def _draw(features: Tensor, count: int, rng: np.random.RandomState) -> Tensor:
    indices = torch.from_numpy(rng.choice(len(features), count, replace=False))
    return features[indices.to(features.device)].double()


def _kernel(x: Tensor, y: Tensor) -> Tensor:
    return (x @ y.T / x.shape[1] + 1) ** 3


def _unbiased_discrepancy(x: Tensor, y: Tensor) -> float:
    """Eq. 4 of the paper for two subsets of the same size: pairs of a vector with itself are left out."""
    count = len(x)
    within = sum((k.sum() - k.trace() for k in (_kernel(x, x), _kernel(y, y))), start=x.new_zeros(()))
    return float(within / (count * (count - 1)) - 2 * _kernel(x, y).mean())
