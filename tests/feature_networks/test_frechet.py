import numpy as np
import pytest
import torch
from cleanfid.fid import frechet_distance as cleanfid_distance
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

from ldm_pipelines.feature_networks.frechet import Gaussian, GaussianAccumulator, frechet_distance, gaussian


def features(n: int, d: int, seed: int, decay: float = 2.0) -> np.ndarray:
    """Correlated features with a spectrum that falls by exp(-decay), away from the origin."""
    rng = np.random.default_rng(seed)
    rotation = np.linalg.qr(rng.normal(size=(d, d)))[0]
    return rng.normal(size=(n, d)) * np.exp(-np.linspace(0, decay, d)) @ rotation + rng.normal(size=d)


def torch_fidelity_distance(a: np.ndarray, b: np.ndarray) -> float:
    statistics = [fid_features_to_statistics(torch.from_numpy(x)) for x in (a, b)]
    return fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"]


@pytest.mark.parametrize("d", [2, 16, 128])
def test_equals_clean_fid_and_torch_fidelity_when_well_conditioned(d: int) -> None:
    a, b = features(4 * d + 50, d, 0), features(5 * d + 60, d, 1)
    ours = frechet_distance(gaussian(a), gaussian(b))
    moments = [m for x in (a, b) for m in (x.mean(0), np.cov(x, rowvar=False))]
    assert ours == pytest.approx(float(cleanfid_distance(*moments)), rel=1e-6)
    assert ours == pytest.approx(torch_fidelity_distance(a, b), rel=1e-6)


@pytest.mark.parametrize("n", [2, 20, 60])
def test_equals_both_with_fewer_images_than_dimensions(n: int) -> None:
    a, b = features(n, 64, 2), features(n + 3, 64, 3)
    ours = frechet_distance(gaussian(a), gaussian(b))
    assert ours == pytest.approx(torch_fidelity_distance(a, b), rel=1e-4)
    moments = [m for x in (a, b) for m in (x.mean(0), np.cov(x, rowvar=False))]
    assert ours == pytest.approx(float(cleanfid_distance(*moments)), rel=1e-4)


def test_rank_deficient_trace_is_the_nuclear_norm_of_the_cross_gram_matrix() -> None:
    a, b = features(30, 200, 4, decay=8.0), features(40, 200, 5, decay=8.0)
    centred = [(x - x.mean(0)) / np.sqrt(len(x) - 1) for x in (a, b)]
    cross = np.linalg.svd(centred[0] @ centred[1].T, compute_uv=False).sum()
    expected = ((a.mean(0) - b.mean(0)) ** 2).sum() + sum((c**2).sum() for c in centred) - 2 * cross
    assert frechet_distance(gaussian(a), gaussian(b)) == pytest.approx(expected, rel=1e-9)


def test_shifted_and_scaled_isotropic_gaussians_have_their_analytic_distance() -> None:
    d, shift, scale = 7, np.arange(7.0), 3.0
    a = Gaussian(np.zeros(d), np.eye(d), 100)
    b = Gaussian(shift, scale**2 * np.eye(d), 100)
    assert frechet_distance(a, b) == pytest.approx((shift**2).sum() + d * (scale - 1) ** 2, rel=1e-12)


def test_constant_features_differ_by_their_shift_alone() -> None:
    assert frechet_distance(gaussian(np.zeros((5, 3))), gaussian(np.ones((5, 3)))) == 3.0


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 60), st.integers(2, 60), st.integers(1, 40), st.integers(0, 10**6))
def test_is_symmetric_non_negative_and_zero_on_identical_sets(n: int, m: int, d: int, seed: int) -> None:
    a, b = gaussian(features(n, d, seed)), gaussian(features(m, d, seed + 1))
    size = np.trace(a.covariance) + np.trace(b.covariance)
    assert frechet_distance(a, b) >= 0
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-6, abs=1e-6 * size)
    assert frechet_distance(a, a) <= 1e-6 * size


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=12), st.floats(-1e4, 1e4))
def test_streamed_moments_do_not_depend_on_the_batches(sizes: list[int], offset: float) -> None:
    x = np.random.default_rng(sum(sizes)).normal(size=(sum(sizes) + 2, 5)) + offset
    accumulator = GaussianAccumulator()
    for batch in np.split(x, np.cumsum(sizes)):
        accumulator.add(batch)
    moments = accumulator.finish()
    assert moments.count == len(x)
    np.testing.assert_allclose(moments.mean, x.mean(0), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(moments.covariance, np.cov(x, rowvar=False), rtol=1e-9, atol=1e-9)


def test_refuses_what_has_no_covariance_or_another_dimension() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        gaussian(np.zeros((1, 3)))
    with pytest.raises(ValueError, match="3 and 4"):
        frechet_distance(gaussian(np.zeros((2, 3))), gaussian(np.zeros((2, 4))))
