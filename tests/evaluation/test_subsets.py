"""The same images are chosen in whatever order they come."""

import numpy as np
import pytest

from ldm_pipelines.evaluation.subsets import stable_subset

ROWS = np.random.default_rng(0).normal(size=(400, 5)).astype(np.float32)


@pytest.mark.parametrize("order_seed", [1, 2])
def test_the_order_of_the_rows_decides_nothing(order_seed: int) -> None:
    order = np.random.default_rng(order_seed).permutation(len(ROWS))
    shuffled = ROWS[order]
    np.testing.assert_array_equal(ROWS[stable_subset(ROWS, 50, 7)], shuffled[stable_subset(shuffled, 50, 7)])


def test_rows_are_chosen_once_and_by_the_seed() -> None:
    chosen = stable_subset(ROWS, 50, 7)
    assert len(set(chosen.tolist())) == 50
    assert set(chosen.tolist()) != set(stable_subset(ROWS, 50, 8).tolist())
    assert set(stable_subset(ROWS, 400, 7).tolist()) == set(range(400))


def test_every_row_is_as_likely() -> None:
    counts = np.zeros(len(ROWS))
    for seed in range(400):
        counts[stable_subset(ROWS, 40, seed)] += 1
    # binomial(400, 0.1): a mean of 40, a deviation of 6; 400 of them lie within 4.5 of it but once in 400 tries
    assert counts.mean() == 40
    assert np.abs(counts - 40).max() < 4.5 * 6
    assert counts.std() == pytest.approx(6, rel=0.15)


def test_no_more_rows_than_there_are() -> None:
    with pytest.raises(ValueError, match="401 of 400 images"):
        stable_subset(ROWS, 401, 0)
