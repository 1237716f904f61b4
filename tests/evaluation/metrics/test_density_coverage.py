from math import prod
from typing import NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import ldm_pipelines.evaluation.metrics.neighbours as module
from ldm_pipelines.evaluation.metrics.manifolds import manifolds
from ldm_pipelines.evaluation.metrics.neighbours import Features


class DensityCoverage(NamedTuple):
    density: float
    coverage: float


def density_coverage(samples: Features, reference: Features, k: int) -> DensityCoverage:
    found = manifolds(samples, reference, k)
    return DensityCoverage(found.density, found.coverage)


def brute_force(samples: np.ndarray, reference: np.ndarray, k: int) -> DensityCoverage:
    """Eqs. 2 and 3 of the paper, with the open balls of the authors' code."""

    def squared(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return ((a[:, None].astype(np.float64) - b[None]) ** 2).sum(-1)

    inside = squared(samples, reference) < np.sort(squared(reference, reference), axis=1)[:, k]
    return DensityCoverage(inside.sum() / (k * len(samples)), inside.any(axis=0).mean())


def random(n: int, d: int, seed: int, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d)) + shift


@pytest.mark.parametrize(("d", "shift"), [(2, 0.5), (16, 0.3), (300, 0.05)])
@pytest.mark.parametrize("k", [1, 5])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_equals_brute_force_exactly(d: int, shift: float, k: int, dtype: type) -> None:
    samples, reference = random(90, d, 0, shift).astype(dtype), random(120, d, 1).astype(dtype)
    ours = density_coverage(samples, reference, k)
    assert ours == brute_force(samples, reference, k)
    assert 0 < ours.coverage < 1
    assert density_coverage(torch.from_numpy(samples), torch.from_numpy(reference), k) == ours


@settings(max_examples=60, deadline=None)
@given(
    st.integers(4, 30),
    st.integers(4, 30),
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(0, 5),
    st.integers(0, 9999),
)
def test_points_exactly_on_a_boundary_and_repeated_points_count_as_by_brute_force(
    n: int, m: int, d: int, k: int, grid: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    samples, reference = (rng.integers(0, grid + 1, size=(count, d)) * 0.25 for count in (n, m))
    assert density_coverage(samples, reference, k) == brute_force(samples, reference, k)


@settings(max_examples=30, deadline=None)
@given(st.integers(6, 60), st.integers(1, 64), st.integers(1, 5), st.integers(0, 9999))
def test_identical_sets_have_density_and_coverage_one_and_far_apart_sets_zero(
    n: int, d: int, k: int, seed: int
) -> None:
    points = random(n, d, seed)
    assert density_coverage(points, points, k) == DensityCoverage(1.0, 1.0)
    assert density_coverage(points + 1e3, points, k) == DensityCoverage(0.0, 0.0)


def test_equal_distributions_have_the_expected_values_of_the_paper() -> None:
    n, m, k, draws = 60, 40, 3, 300
    results = [density_coverage(random(m, 5, 2 * s), random(n, 5, 2 * s + 1), k) for s in range(draws)]
    covered = np.array([result.coverage for result in results])
    dense = np.array([result.density for result in results])
    expected = 1 - prod((n - i) / (n + m - i) for i in range(1, k + 1))  # Naeem et al., 2020, Lemma 2
    assert abs(covered.mean() - expected) < 4 * covered.std() / np.sqrt(draws)
    assert abs(dense.mean() - 1) < 4 * dense.std() / np.sqrt(draws)


def test_an_outlier_in_the_reference_does_not_raise_density_as_it_raises_precision() -> None:
    reference = np.append(random(100, 2, 0), [[30.0, 0.0]], axis=0)
    near_the_outlier = random(50, 2, 1) * 0.1 + [27.0, 0.0]
    assert density_coverage(near_the_outlier, reference, 5) == DensityCoverage(1 / 5, 1 / 101)


def test_chunks_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    samples, reference = random(101, 6, 0, 0.4), random(77, 6, 1)
    whole = density_coverage(samples, reference, 5)
    for elements in (1, 500, 5000):
        monkeypatch.setattr(module, "CHUNK_ELEMENTS", elements)
        assert density_coverage(samples, reference, 5) == whole


def test_refuses_sets_with_too_few_points_or_other_dimensions() -> None:
    with pytest.raises(ValueError, match="more than 5"):
        density_coverage(np.zeros((5, 2)), np.zeros((9, 2)), 5)
    with pytest.raises(ValueError, match="features must be"):
        density_coverage(np.zeros((9, 2)), np.zeros((9, 3)), 5)
    with pytest.raises(ValueError, match="1 or more"):
        density_coverage(np.zeros((9, 2)), np.zeros((9, 2)), 0)
