"""Shards in random order, a few at a time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldm_pipelines.data.prepared import Shards
from ldm_pipelines.training.order import ShuffledShards
from ldm_pipelines.training.stream import batch_indices


def shards(sizes: list[int], together: int, asked: list[set[int]] | None = None) -> Shards:
    return Shards(
        np.array(sizes), together, lambda items: None if asked is None else asked.append(shards_of(sizes, items))
    )


def shards_of(sizes: list[int], items: np.ndarray) -> set[int]:
    return set(np.searchsorted(np.cumsum(sizes), items, side="right").tolist())


@given(
    sizes=st.lists(st.integers(1, 7), min_size=1, max_size=9),
    together=st.integers(1, 10),
    batch_size=st.integers(1, 20),
    seed=st.integers(0, 2**32),
)
def test_every_epoch_sees_every_item_exactly_once_and_few_shards_at_a_time(
    sizes: list[int], together: int, batch_size: int, seed: int
) -> None:
    length = sum(sizes)
    order = ShuffledShards(shards(sizes, together), seed)
    steps = -(-2 * length // batch_size)
    stream = np.concatenate([batch_indices(order, batch_size, step) for step in range(steps)])
    for epoch in range(2):
        items = stream[epoch * length : (epoch + 1) * length]
        assert sorted(items) == list(range(length))
        visited = [shards_of(sizes, items[i : i + 1]).pop() for i in range(length)]
        runs = sum(1 for i in range(1, length) if visited[i] not in visited[:i]) + 1
        assert runs == len(sizes)
        for start in range(0, len(sizes), together):  # each window's items are those of its shards
            window = list(dict.fromkeys(visited))[start : start + together]
            size = sum(sizes[shard] for shard in window)
            before = sum(sizes[shard] for shard in list(dict.fromkeys(visited))[:start])
            assert set(visited[before : before + size]) == set(window)


def test_a_batch_is_a_function_of_seed_and_step_whoever_asks_for_it() -> None:
    sizes, seed = [5, 9, 3, 8, 6, 1, 7], 11
    one = ShuffledShards(shards(sizes, 2), seed)
    whole = [batch_indices(one, 6, step) for step in range(20)]
    workers = [ShuffledShards(shards(sizes, 2), seed) for _ in range(3)]
    for step in range(20):
        np.testing.assert_array_equal(batch_indices(workers[step % 3], 6, step), whole[step])
    fresh = ShuffledShards(shards(sizes, 2), seed)
    np.testing.assert_array_equal(batch_indices(fresh, 6, 17), whole[17])
    assert not np.array_equal(batch_indices(ShuffledShards(shards(sizes, 2), 12), 6, 17), whole[17])


def test_items_of_a_window_are_mixed_and_windows_change_from_epoch_to_epoch() -> None:
    sizes = [50] * 8
    order = ShuffledShards(shards(sizes, 4), 0)
    first, second = (order.take(epoch, np.arange(400)) for epoch in (0, 1))
    assert len(shards_of(sizes, first[:20])) == 4
    assert shards_of(sizes, first[:200]) != shards_of(sizes, second[:200])
    assert abs(np.corrcoef(np.arange(200), first[:200] % 50)[0, 1]) < 0.3


@pytest.mark.parametrize("batch_size", [3, 10])
def test_shards_are_asked_for_a_window_ahead_and_once(batch_size: int) -> None:
    sizes, asked = [10] * 6, list[set[int]]()
    order = ShuffledShards(shards(sizes, 2, asked), 5)
    wanted: list[set[int]] = []
    for step in range(60 // batch_size):
        indices = batch_indices(order, batch_size, step)
        known = set().union(*asked)
        assert shards_of(sizes, indices) <= known
        wanted.append(known)
    assert len(wanted[0]) == 4  # this window's and the next one's
    assert len(asked) == 6
    assert asked[0] | asked[2] | asked[4] == set(range(6))
