"""Close hashes of two sets, against comparing every pair."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ldm_pipelines.preparation.card import bands
from ldm_pipelines.preparation.card.near_pairs import Pair, near_pairs


def _brute(left: np.ndarray, right: np.ndarray, distance: int) -> list[Pair]:
    found = [
        Pair((int(a) ^ int(b)).bit_count(), i, j)
        for i, a in enumerate(left)
        for j, b in enumerate(right)
        if (int(a) ^ int(b)).bit_count() <= distance
    ]
    return sorted(found)


def _check(left: np.ndarray, right: np.ndarray, distance: int, most: int) -> None:
    found, wanted = near_pairs(left, right, distance, most), _brute(left, right, distance)
    assert found.total == len(wanted)
    assert list(found.closest) == wanted[:most]
    assert np.flatnonzero(found.left).tolist() == sorted({pair.left for pair in wanted})
    assert np.flatnonzero(found.right).tolist() == sorted({pair.right for pair in wanted})
    assert found.complete
    assert found.crowded == 0


def _family(rng: np.random.Generator, count: int, flips: int, centres: int = 6) -> np.ndarray:
    """Hashes around a few centres, with up to so many bits flipped."""
    hashes = np.random.default_rng(99).integers(0, 2**64, centres, dtype=np.uint64)[rng.integers(0, centres, count)]
    for _ in range(flips):
        hashes = hashes ^ (np.uint64(1) << rng.integers(0, 64, count, dtype=np.uint64))
    return hashes


@pytest.mark.parametrize("distance", [0, 1, 2, 4, 7, 12])
@pytest.mark.parametrize("flips", [0, 1, 3, 6])
def test_pairs_are_those_of_every_comparison(distance: int, flips: int) -> None:
    rng = np.random.default_rng(distance * 10 + flips)
    _check(_family(rng, 90, flips), _family(rng, 40, flips), distance, most=20)


@given(
    st.lists(st.integers(0, 2**64 - 1) | st.sampled_from([0, 1, 3, 2**64 - 1, 2**63]), max_size=25),
    st.lists(st.integers(0, 2**64 - 1) | st.sampled_from([0, 7, 15, 2**64 - 2, 2**63 + 1]), max_size=25),
    st.integers(0, 63),
    st.integers(0, 30),
)
@settings(max_examples=60, deadline=None)
def test_pairs_are_those_of_every_comparison_whatever_the_hashes(
    left: list[int], right: list[int], distance: int, most: int
) -> None:
    _check(np.array(left, dtype=np.uint64), np.array(right, dtype=np.uint64), distance, most)


def test_crowded_and_sparse_bands_are_compared_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same pairs whether hashes with a band in common are compared in blocks or one bucket at a time."""
    monkeypatch.setattr(bands, "SMALL", 3)
    monkeypatch.setattr(bands, "BLOCK", 16)
    rng = np.random.default_rng(5)
    _check(_family(rng, 120, 2), _family(rng, 60, 2), 4, most=11)


def test_the_order_of_the_bits_changes_but_no_bit_is_lost() -> None:
    hashes = np.random.default_rng(0).integers(0, 2**64, 50, dtype=np.uint64)
    moved = bands.spread(hashes)
    assert (
        np.bitwise_count(moved[:, None] ^ moved[None]).tolist()
        == np.bitwise_count(hashes[:, None] ^ hashes[None]).tolist()
    )
    assert sum(width for _, width in bands.bands(5)) == 64
    assert {width for _, width in bands.bands(5)} == {12, 13}


def test_a_crowd_is_left_out_and_counted_and_what_is_closer_elsewhere_is_found() -> None:
    rng = np.random.default_rng(1)
    left, right = _family(rng, 200, 2, centres=1), _family(rng, 50, 2, centres=1)
    found = near_pairs(left, right, 4, largest_crowd=30)
    wanted = _brute(left, right, 4)
    assert found.crowded == 50
    assert found.total < len(wanted)
    assert set(found.closest) <= set(wanted)
    lonely = np.concatenate([right, np.random.default_rng(9).integers(0, 2**64, 5, dtype=np.uint64)])
    again = near_pairs(np.concatenate([left, lonely[-5:]]), lonely, 4, most=500, largest_crowd=30)
    assert {(0, 200 + k, 50 + k) for k in range(5)} <= set(again.closest)
    assert again.crowded == 50


def test_what_agrees_on_a_crowded_band_is_found_on_another_that_is_not() -> None:
    """Band by band, with every pair of distinct hashes: those that some band names which is no crowd there."""
    rng = np.random.default_rng(3)
    left, right = (np.unique(_family(rng, count, 3, centres=2)) for count in (200, 80))
    largest, named = 400, np.zeros((len(left), len(right)), dtype=bool)
    for band in bands.bands(5):
        a, b = bands.keys(bands.spread(left), band), bands.keys(bands.spread(right), band)
        crowd = (a[:, None] == b).sum(axis=0) * (b[:, None] == b).sum(axis=0) > largest
        named |= (a[:, None] == b) & ~crowd
    wanted = [pair for pair in _brute(left, right, 4) if named[pair.left, pair.right]]
    found = near_pairs(left, right, 4, most=len(wanted) + 1, largest_crowd=largest)
    assert 0 < len(wanted) < len(_brute(left, right, 4))
    assert found.total == len(wanted)
    assert list(found.closest) == wanted


def test_counting_ends_where_nearly_all_are_alike() -> None:
    rng = np.random.default_rng(1)
    found = near_pairs(_family(rng, 300, 2, centres=1), _family(rng, 300, 2, centres=1), 4, enough=1000)
    assert not found.complete
    assert found.total >= 1000


def test_no_hashes_give_no_pairs_and_an_impossible_distance_is_refused() -> None:
    none = np.array([], dtype=np.uint64)
    assert near_pairs(none, none, 4).total == 0
    with pytest.raises(ValueError, match="between 0 and 63 bits"):
        near_pairs(none, none, 64)


def test_a_hundred_thousand_hashes_take_seconds() -> None:
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 2**64, 100_000, dtype=np.uint64)
    hashes[90_000:90_050] = hashes[:50] ^ np.uint64(0b1011)
    start = time.process_time()
    found = near_pairs(hashes[:90_000], hashes[90_000:], 4)
    assert time.process_time() - start < 10
    assert found.total == 50
    assert found.closest[0] == (3, 0, 0)
