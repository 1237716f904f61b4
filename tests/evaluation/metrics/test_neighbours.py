import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import NearestNeighbors

import ldm_pipelines.evaluation.metrics.neighbours as module
from ldm_pipelines.evaluation.metrics.neighbours import blocks, squared_radii


def squared(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return ((a[:, None].astype(np.float64) - b[None].astype(np.float64)) ** 2).sum(-1)


def brute_radii(points: np.ndarray, k: int) -> np.ndarray:
    return np.sort(squared(points, points), axis=1)[:, k]


@pytest.mark.parametrize("k", [1, 3, 5])
def test_radii_equal_scikit_learn(k: int) -> None:
    points = np.random.default_rng(0).normal(size=(200, 30))
    distances = NearestNeighbors(n_neighbors=k + 1, algorithm="brute").fit(points).kneighbors(points)[0]
    np.testing.assert_allclose(squared_radii(torch.from_numpy(points), k).sqrt(), distances[:, k], rtol=1e-12)


@pytest.mark.parametrize("size", [1e-12, 1e-6, 1e-3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_clusters_too_tight_for_float32_are_told_apart(size: float, dtype: type) -> None:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(4, 12)) * 3
    points = (np.repeat(centres, 25, axis=0) + rng.normal(size=(100, 12)) * size).astype(dtype)
    radii = squared_radii(torch.from_numpy(points), 3).numpy()
    np.testing.assert_allclose(radii, brute_radii(points, 3), rtol=1e-12)
    inside = torch.cat(
        [b.within(torch.from_numpy(radii), closed=True) for b in blocks(*[torch.from_numpy(points)] * 2)]
    )
    np.testing.assert_array_equal(inside.numpy().sum(axis=0) >= 4, True)  # itself and its 3 nearest
    certain = np.abs(squared(points, points) / np.maximum(radii, 1e-300) - 1) > 1e-9
    np.testing.assert_array_equal(inside.numpy()[certain], (squared(points, points) <= radii)[certain])


@pytest.mark.parametrize("scale", [1e-25, 1e-15, 1e15])
def test_very_small_and_very_large_features_are_measured_as_well(scale: float) -> None:
    points = np.random.default_rng(1).normal(size=(40, 7)) * scale
    np.testing.assert_allclose(squared_radii(torch.from_numpy(points), 3), brute_radii(points, 3), rtol=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 70), st.integers(0, 9999), st.integers(1, 400))
def test_neither_chunks_nor_pairs_at_once_change_a_bit(d: int, seed: int, elements: int) -> None:
    points = torch.from_numpy(np.random.default_rng(seed).integers(0, 3, size=(23, d)) * 0.1)
    whole = squared_radii(points, 3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CHUNK_ELEMENTS", elements)
        patch.setattr(module, "PAIR_ELEMENTS", elements)
        assert torch.equal(squared_radii(points, 3), whole)


def test_balls_are_closed_or_open_as_asked_and_lie_around_points_or_queries() -> None:
    line = torch.tensor([[0.0], [1.0], [3.0]])
    (block,) = blocks(line[:2], line)
    radii = torch.tensor([1.0, 1.0, 4.0], dtype=torch.float64)
    assert block.within(radii, closed=True).tolist() == [[True, True, False], [True, True, True]]
    assert block.within(radii, closed=False).tolist() == [[True, False, False], [False, True, False]]
    of_queries = torch.tensor([[9.0], [0.0]], dtype=torch.float64)
    assert block.within(of_queries, closed=True).tolist() == [[True, True, True], [False, True, False]]


def test_products_are_taken_in_float32_proper_and_the_program_s_setting_is_kept() -> None:
    points = torch.from_numpy(np.random.default_rng(2).normal(size=(300, 64)))
    expected = squared_radii(points, 3)
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        assert torch.equal(squared_radii(points, 3), expected)
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 1e25])
def test_refuses_what_has_no_distance(bad: float) -> None:
    points = torch.zeros(9, 2)
    points[3, 1] = bad
    with pytest.raises(ValueError, match="features must be finite"):
        squared_radii(points, 3)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_gives_the_same_bits() -> None:
    points = torch.from_numpy(np.random.default_rng(3).normal(size=(500, 100)))
    assert torch.equal(squared_radii(points.cuda(), 3).cpu(), squared_radii(points, 3))
