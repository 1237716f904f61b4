import numpy as np
import pytest
from scipy import stats

from ldm_pipelines.evaluation.metrics import bootstrap
from ldm_pipelines.evaluation.metrics.bootstrap import bootstrap_fid, bootstrap_mean
from ldm_pipelines.feature_networks.frechet import Gaussian, frechet_distance, gaussian

D = 6
SCALE = np.linspace(0.5, 1.5, D)
STANDARD = Gaussian(np.zeros(D), np.eye(D), 10**6)


def features(n: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, D)) * SCALE + 0.2


def test_intervals_of_means_cover_the_true_mean_as_often_as_they_say() -> None:
    draws = [np.random.default_rng(seed).exponential(size=150) for seed in range(200)]
    intervals = [bootstrap_mean(values, seed=seed, replicates=200) for seed, values in enumerate(draws)]
    covered = np.mean([interval.low <= 1.0 <= interval.high for interval in intervals])
    assert 0.89 < covered < 0.99  # 95 %, less a little for a skewed distribution; three standard errors of 200 draws


def test_intervals_of_means_equal_scipy_s_percentile_bootstrap() -> None:
    values = np.random.default_rng(0).gamma(2.0, size=300)
    ours = bootstrap_mean(values, seed=0, replicates=5000)
    theirs = stats.bootstrap((values,), np.mean, n_resamples=5000, method="percentile", rng=1).confidence_interval
    assert ours.value == pytest.approx(values.mean(), rel=1e-12)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.06 * (theirs.high - theirs.low))


def test_intervals_of_fid_cover_the_expected_fid_as_often_as_they_say() -> None:
    n = 150
    expected = np.mean([frechet_distance(STANDARD, gaussian(features(n, 10**6 + seed))) for seed in range(1000)])
    intervals = [bootstrap_fid(features(n, seed), STANDARD, seed=seed, replicates=80) for seed in range(100)]
    covered = np.mean([interval.low <= expected <= interval.high for interval in intervals])
    assert covered > 0.885  # 95 % less three standard errors of 100 draws


def test_an_interval_holds_the_fid_itself_even_with_few_images_where_every_replicate_lies_above() -> None:
    samples = features(12, 0)
    interval = bootstrap_fid(samples, STANDARD, seed=0, replicates=200)
    assert interval.value == pytest.approx(frechet_distance(gaussian(samples), STANDARD), rel=1e-9)
    assert interval.low < interval.value < interval.high


def test_the_seed_decides_and_more_images_narrow_the_interval() -> None:
    assert bootstrap_fid(features(80, 0), STANDARD, seed=1) == bootstrap_fid(features(80, 0), STANDARD, seed=1)
    assert bootstrap_fid(features(80, 0), STANDARD, seed=1) != bootstrap_fid(features(80, 0), STANDARD, seed=2)
    values = np.random.default_rng(0).normal(size=4000)
    assert bootstrap_mean(values, seed=1) == bootstrap_mean(values, seed=1)
    assert bootstrap_mean(values, seed=1) != bootstrap_mean(values, seed=2)
    few, many = bootstrap_mean(values[:250], seed=0), bootstrap_mean(values, seed=0)
    assert (few.high - few.low) / (many.high - many.low) == pytest.approx(4, rel=0.3)


def test_progress_is_shown_where_it_is_asked_for_and_takes_long(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bootstrap_fid(features(40, 0), STANDARD, seed=0, replicates=5, progress=True)
    assert capsys.readouterr().err == ""  # done within PATIENCE
    monkeypatch.setattr(bootstrap, "PATIENCE", 0.0)
    bootstrap_fid(features(40, 0), STANDARD, seed=0, replicates=5, progress=True)
    assert "bootstrap" in capsys.readouterr().err
    bootstrap_fid(features(40, 0), STANDARD, seed=0, replicates=5)
    assert capsys.readouterr().err == ""


def test_refuses_what_cannot_be_resampled() -> None:
    with pytest.raises(ValueError, match="2 images and 2 replicates or more, not 1 and 2000"):
        bootstrap_mean([1.0], seed=0)
    with pytest.raises(ValueError, match="not 5 and 1"):
        bootstrap_fid(features(5, 0), STANDARD, seed=0, replicates=1)
    with pytest.raises(ValueError, match="finite numbers"):
        bootstrap_mean([1.0, np.nan], seed=0)
