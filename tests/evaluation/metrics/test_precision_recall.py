from typing import NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_fidelity.metric_prc import calculate_precision_recall_full

import ldm_pipelines.evaluation.metrics.neighbours as module
from ldm_pipelines.evaluation.metrics.manifolds import manifolds
from ldm_pipelines.evaluation.metrics.neighbours import Features


class PrecisionRecall(NamedTuple):
    precision: float
    recall: float


def precision_recall(samples: Features, reference: Features, k: int) -> PrecisionRecall:
    found = manifolds(samples, reference, k)
    return PrecisionRecall(found.precision, found.recall)


def brute_force(samples: np.ndarray, reference: np.ndarray, k: int) -> PrecisionRecall:
    def squared(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return ((a[:, None].astype(np.float64) - b[None]) ** 2).sum(-1)

    def share(queries: np.ndarray, points: np.ndarray) -> float:
        radii = np.sort(squared(points, points), axis=1)[:, k]
        return float((squared(queries, points) <= radii).any(axis=1).mean())

    return PrecisionRecall(share(samples, reference), share(reference, samples))


def random(n: int, d: int, seed: int, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d)) + shift


@pytest.mark.parametrize(("d", "shift"), [(2, 0.5), (16, 0.3), (300, 0.05)])
@pytest.mark.parametrize("k", [1, 3])
def test_equals_brute_force_and_torch_fidelity_exactly(d: int, shift: float, k: int) -> None:
    samples, reference = random(90, d, 0, shift), random(120, d, 1)
    ours = precision_recall(torch.from_numpy(samples), torch.from_numpy(reference), k)
    assert ours == precision_recall(samples, reference, k) == brute_force(samples, reference, k)
    theirs = calculate_precision_recall_full(torch.from_numpy(samples), torch.from_numpy(reference), k)
    assert (ours.precision, ours.recall) == pytest.approx(theirs, abs=1e-7)  # theirs is averaged in float32
    assert 0 < ours.recall < 1


def adm(samples: np.ndarray, reference: np.ndarray, dtype: type) -> PrecisionRecall:
    """ADM's evaluator by its description: squared distances by the binomial formula in ``dtype``, k = 3, closed."""

    def squared(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        u, v = u.astype(dtype), v.astype(dtype)
        norms = [np.square(x).sum(axis=1, dtype=np.float32).astype(dtype) for x in (u, v)]
        product = (u.astype(np.float32) @ v.astype(np.float32).T).astype(dtype)
        return np.maximum(norms[0][:, None] - 2 * product + norms[1], 0)

    radii = [np.partition(squared(x, x), 3, axis=1)[:, 3] for x in (reference, samples)]
    distances = squared(reference, samples)
    return PrecisionRecall(
        float((distances <= radii[0][:, None]).any(axis=0).mean()), float((distances <= radii[1]).any(axis=1).mean())
    )


def test_equals_adm_s_evaluator_but_for_its_rounding_to_float16() -> None:
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(40, 512)) * 0.1
    samples, reference = (np.abs(rng.normal(size=(400, 40)) @ mixing + offset) for offset in (0.42, 0.4))
    ours = precision_recall(samples, reference, 3)
    assert ours == adm(samples, reference, np.float32)
    rounded = adm(samples, reference, np.float16)
    assert (rounded.precision, rounded.recall) == pytest.approx((ours.precision, ours.recall), abs=0.02)


def test_float32_features_with_a_large_offset_are_measured_as_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK_ELEMENTS", 1000)
    samples, reference = (random(n, 8, n, 1000).astype(np.float32) for n in (150, 130))
    assert precision_recall(torch.from_numpy(samples), torch.from_numpy(reference), 3) == brute_force(
        samples, reference, 3
    )


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
    ours = precision_recall(torch.from_numpy(samples), torch.from_numpy(reference), k)
    assert ours == brute_force(samples, reference, k)


@settings(max_examples=30, deadline=None)
@given(st.integers(5, 60), st.integers(1, 64), st.integers(0, 9999), st.booleans())
def test_identical_sets_score_one_and_far_apart_sets_zero(n: int, d: int, seed: int, repeated: bool) -> None:
    points = torch.from_numpy(random(n, d, seed))
    if repeated:
        points = points[:1].repeat(n, 1)
    assert precision_recall(points, points, 3) == PrecisionRecall(1.0, 1.0)
    assert precision_recall(points + 1e3, points, 3) == PrecisionRecall(0.0, 0.0)


def test_chunks_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    samples, reference = torch.from_numpy(random(101, 6, 0, 0.4)), torch.from_numpy(random(77, 6, 1))
    whole = precision_recall(samples, reference, 3)
    for elements in (1, 500, 5000):
        monkeypatch.setattr(module, "CHUNK_ELEMENTS", elements)
        assert precision_recall(samples, reference, 3) == whole


def test_refuses_sets_with_too_few_points_or_other_dimensions() -> None:
    with pytest.raises(ValueError, match="more than 3"):
        precision_recall(torch.zeros(3, 2), torch.zeros(9, 2), 3)
    with pytest.raises(ValueError, match="features must be"):
        precision_recall(torch.zeros(9, 2), torch.zeros(9, 3), 3)
