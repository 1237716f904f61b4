from inspect import signature

import numpy as np
import pytest
import torch
from sklearn.metrics.pairwise import polynomial_kernel
from torch_fidelity.defaults import DEFAULTS
from torch_fidelity.metric_kid import kid_features_to_metric

from ldm_pipelines.evaluation.metrics.kernel_distance import KernelDistance, kernel_distance


def features(n: int, d: int, seed: int, shift: float = 0.0) -> np.ndarray:
    return np.abs(np.random.default_rng(seed).normal(size=(n, d)) + shift)


def torch_fidelity(a: np.ndarray, b: np.ndarray, subsets: int, size: int, seed: int) -> KernelDistance:
    theirs = kid_features_to_metric(
        torch.from_numpy(a),
        torch.from_numpy(b),
        kid_subsets=subsets,
        kid_subset_size=size,
        rng_seed=seed,
        verbose=False,
    )
    return KernelDistance(theirs["kernel_inception_distance_mean"], theirs["kernel_inception_distance_std"])


@pytest.mark.parametrize(("d", "shift"), [(3, 0.0), (64, 0.1), (500, 0.3)])
@pytest.mark.parametrize(("subsets", "size", "seed"), [(10, 50, 2020), (4, 80, 7), (1, 2, 0)])
def test_equals_torch_fidelity(d: int, shift: float, subsets: int, size: int, seed: int) -> None:
    a, b = features(100, d, 0, shift), features(80, d, 1)
    ours, theirs = (
        kernel_distance(a, b, subsets=subsets, subset_size=size, seed=seed),
        torch_fidelity(a, b, subsets, size, seed),
    )
    assert ours.mean == pytest.approx(theirs.mean, rel=1e-9, abs=1e-13)
    assert ours.std == pytest.approx(theirs.std, rel=1e-9, abs=1e-13)


def test_the_defaults_are_those_of_torch_fidelity() -> None:
    defaults = signature(kernel_distance).parameters
    for ours, theirs in {"subsets": "kid_subsets", "subset_size": "kid_subset_size", "seed": "rng_seed"}.items():
        assert defaults[ours].default == DEFAULTS[theirs]


def test_float32_features_and_tensors_are_measured_in_float64() -> None:
    a, b = (features(60, 32, seed, 0.1 * seed).astype(np.float32) for seed in (0, 1))
    expected = kernel_distance(a.astype(np.float64), b.astype(np.float64), subsets=5, subset_size=40)
    assert kernel_distance(torch.from_numpy(a), torch.from_numpy(b), subsets=5, subset_size=40) == expected


def test_one_subset_of_all_images_is_the_unbiased_estimate_by_definition() -> None:
    a, b = features(30, 6, 0, 0.3), features(30, 6, 1)
    kernels = [polynomial_kernel(x, y, degree=3, gamma=1 / 6, coef0=1) for x, y in ((a, a), (b, b), (a, b))]
    others = ~np.eye(30, dtype=bool)
    expected = kernels[0][others].mean() + kernels[1][others].mean() - 2 * kernels[2].mean()
    ours = kernel_distance(a, b, subsets=1, subset_size=30)
    assert ours.mean == pytest.approx(expected, rel=1e-9)
    assert ours.std == 0


def test_is_unbiased_for_equal_distributions() -> None:
    means = np.array(
        [
            kernel_distance(features(50, 8, 2 * s), features(50, 8, 2 * s + 1), subsets=1, subset_size=50).mean
            for s in range(200)
        ]
    )
    assert abs(means.mean()) < 4 * means.std() / np.sqrt(len(means))
    assert means.min() < 0


def test_refuses_subsets_larger_than_a_set_and_features_that_do_not_match() -> None:
    with pytest.raises(ValueError, match="subsets of 1000 cannot be drawn from 20 images; it takes 2 to 20"):
        kernel_distance(features(20, 3, 0), features(2000, 3, 1))
    with pytest.raises(ValueError, match="subsets of 1 "):
        kernel_distance(features(20, 3, 0), features(20, 3, 1), subset_size=1)
    with pytest.raises(ValueError, match="0 subsets"):
        kernel_distance(features(20, 3, 0), features(20, 3, 1), subsets=0, subset_size=5)
    with pytest.raises(ValueError, match=r"features must be \(n, d\)"):
        kernel_distance(features(20, 3, 0), features(20, 4, 1), subset_size=5)
