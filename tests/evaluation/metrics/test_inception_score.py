import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_fidelity.metric_isc import isc_features_to_metric

from ldm_pipelines.evaluation.metrics.inception_score import bootstrap_score, inception_score


def logits(n: int, k: int, seed: int = 0, spread: float = 3.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, k)) * spread


@pytest.mark.parametrize(("n", "splits"), [(100, 10), (57, 4), (30, 1)])
@pytest.mark.parametrize("order_seed", [2020, 7, None])
def test_equals_torch_fidelity(n: int, splits: int, order_seed: int | None) -> None:
    values = logits(n, 12).astype(np.float32)
    theirs = isc_features_to_metric(
        torch.from_numpy(values), splits=splits, shuffle=order_seed is not None, rng_seed=order_seed or 0
    )
    ours = inception_score(values, splits, order_seed=order_seed)
    assert ours.mean == pytest.approx(theirs["inception_score_mean"], rel=1e-9)
    assert ours.std == pytest.approx(theirs["inception_score_std"], rel=1e-6, abs=1e-12)


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 40), st.integers(1, 5), st.integers(0, 10**6))
def test_scores_lie_between_one_and_the_number_of_classes(classes: int, splits: int, seed: int) -> None:
    assert 1 - 1e-9 <= inception_score(logits(50, classes, seed), splits).mean <= classes + 1e-9


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 50), st.integers(1, 4))
def test_certain_predictions_spread_evenly_score_the_number_of_classes(classes: int, repeats: int) -> None:
    certain = np.tile(np.eye(classes), (repeats, 1)) * 1e4  # of which softmax makes zeros and ones
    score = inception_score(certain, 1)
    assert score.mean == pytest.approx(classes, rel=1e-9)
    assert score.std == 0


def test_predictions_that_ignore_the_image_score_one() -> None:
    assert inception_score(np.tile(logits(1, 9), (40, 1)), 4).mean == pytest.approx(1.0, abs=1e-12)


def test_a_set_sorted_by_class_is_mixed_before_it_is_split() -> None:
    by_class = np.repeat(np.eye(10), 50, axis=0) * 50
    assert inception_score(by_class, 10, order_seed=None).mean == pytest.approx(1.0)
    assert inception_score(by_class, 10).mean > 8


def test_the_interval_is_that_of_resampling_images_within_the_splits() -> None:
    values, splits = logits(90, 5, spread=2.0), 3
    ours = bootstrap_score(values, splits, seed=0, replicates=4000)
    assert ours.value == inception_score(values, splits).mean
    mixed = np.array_split(values[np.random.RandomState(2020).permutation(90)], splits)
    rng = np.random.default_rng(1)
    scores = np.array([
        np.mean([inception_score(part[rng.integers(30, size=30)], 1, order_seed=None).mean for part in mixed])
        for _ in range(2000)
    ])  # fmt: skip
    low, high = np.quantile(scores - scores.mean(), [0.025, 0.975])
    assert (ours.low, ours.high) == pytest.approx((ours.value + low, ours.value + high), abs=0.08 * (high - low))


def test_intervals_cover_the_expected_score_as_often_as_they_say() -> None:
    expected = np.mean([inception_score(logits(100, 4, 10**6 + seed), 1).mean for seed in range(600)])
    intervals = [bootstrap_score(logits(100, 4, seed), 1, seed=seed, replicates=200) for seed in range(100)]
    covered = np.mean([interval.low <= expected <= interval.high for interval in intervals])
    assert covered > 0.885  # 95 % less three standard errors of 100 draws


def test_refuses_more_splits_than_images_and_what_is_no_matrix() -> None:
    with pytest.raises(ValueError, match="3 images cannot be cut into 4 splits"):
        inception_score(logits(3, 2), 4)
    with pytest.raises(ValueError, match=r"expected a matrix \(n, classes\)"):
        inception_score(logits(3, 2)[0], 1)
