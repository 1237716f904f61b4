import numpy as np
import pytest
from scipy.stats import linregress

from ldm_pipelines.evaluation.metrics.fid_infinity import fid_infinity
from ldm_pipelines.feature_networks.frechet import Gaussian, frechet_distance, gaussian

D = 16
SCALE = np.linspace(0.8, 1.2, D)
SHIFT = 0.05
STANDARD = Gaussian(np.zeros(D), np.eye(D), 10**6)
TRUE_DISTANCE = D * SHIFT**2 + ((SCALE - 1) ** 2).sum()


def samples(n: int, seed: int, scale: np.ndarray | float = SCALE, shift: float = SHIFT) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, D)) * scale + shift


def test_is_nearer_to_the_true_distance_than_the_fid_of_all_samples() -> None:
    results = [fid_infinity(samples(1000, seed), STANDARD, seed=seed) for seed in range(20)]
    extrapolated = np.array([result.value for result in results]) - TRUE_DISTANCE
    plain = np.array([result.points[-1][1] for result in results]) - TRUE_DISTANCE
    assert np.abs(extrapolated).mean() < 0.5 * np.abs(plain).mean()
    assert np.mean(np.abs(extrapolated) < np.abs(plain)) >= 0.8


def test_is_unbiased_for_identical_distributions_where_fid_is_not() -> None:
    results = [fid_infinity(samples(2000, seed, 1.0, 0.0), STANDARD, seed=seed, fewest=400) for seed in range(30)]
    values = np.array([result.value for result in results])
    error = values.std(ddof=1) / np.sqrt(len(values))
    assert abs(values.mean()) < 3 * error
    assert np.mean([result.points[-1][1] for result in results]) > 10 * error
    assert np.mean([abs(result.value) < 3 * result.standard_error for result in results]) > 0.9


def test_the_line_is_that_of_scipy_through_points_evenly_spaced_in_one_over_n() -> None:
    result = fid_infinity(samples(1000, 0), STANDARD, seed=0, fewest=100, points=7)
    counts, distances = np.array(result.points).T
    line = linregress(1 / counts, distances)
    assert result.value == pytest.approx(line.intercept, rel=1e-9)
    assert result.standard_error == pytest.approx(line.intercept_stderr, rel=1e-9)
    assert (counts[0], counts[-1], len(counts)) == (100, 1000, 7)
    np.testing.assert_allclose(np.diff(1 / counts), (1 / 1000 - 1 / 100) / 6, rtol=0.05)


def test_the_last_point_is_the_fid_of_all_samples_and_the_seed_decides_the_others() -> None:
    features = samples(300, 0)
    result = fid_infinity(features, STANDARD, seed=3)
    assert result.points[-1] == (300, pytest.approx(frechet_distance(STANDARD, gaussian(features)), rel=1e-12))
    assert fid_infinity(features, STANDARD, seed=3) == result
    assert fid_infinity(features, STANDARD, seed=4).value != result.value


def test_refuses_what_no_line_goes_through() -> None:
    with pytest.raises(ValueError, match="3 points or more"):
        fid_infinity(samples(100, 0), STANDARD, seed=0, points=2)
    with pytest.raises(ValueError, match="cannot be drawn from 100 images; fewest must be 2 to 99"):
        fid_infinity(samples(100, 0), STANDARD, seed=0, fewest=100)
    with pytest.raises(ValueError, match="no 15 counts from 12 to 18"):
        fid_infinity(samples(18, 0), STANDARD, seed=0, fewest=12)
    with pytest.raises(ValueError, match=r"matrix \(n, d\)"):
        fid_infinity(np.zeros(9), STANDARD, seed=0)
