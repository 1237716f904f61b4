"""The order of training data is a function of (seed, step)."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ldm_pipelines.data.share import WHOLE, Share
from ldm_pipelines.training.order import Shuffled
from ldm_pipelines.training.stream import InOrder, Steps, batch_indices, step_loader


class Numbers:
    """Items 0 .. n - 1 and one random number per batch."""

    def __init__(self, length: int) -> None:
        self.length = length

    def __len__(self) -> int:
        return self.length

    def read(
        self, indices: np.ndarray, rng: np.random.Generator | None, share: Share = WHOLE
    ) -> dict[str, torch.Tensor]:
        return {"item": torch.from_numpy(share.take(indices)), "noise": torch.tensor(rng.random() if rng else 0.0)}


@given(length=st.integers(1, 50), batch_size=st.integers(1, 60), seed=st.integers(0, 2**32))
def test_every_epoch_sees_every_item_exactly_once(length: int, batch_size: int, seed: int) -> None:
    steps = -(-3 * length // batch_size)
    order = Shuffled(length, seed)
    stream = np.concatenate([batch_indices(order, batch_size, step) for step in range(steps)])
    for epoch in range(3):
        assert sorted(stream[epoch * length : (epoch + 1) * length]) == list(range(length))


def test_order_changes_with_the_seed_and_from_epoch_to_epoch() -> None:
    first, second = (batch_indices(Shuffled(100, 0), 100, step) for step in (0, 1))
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, batch_indices(Shuffled(100, 1), 100, 0))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_resumed_loader_continues_the_same_stream_whatever_the_worker_count(workers: int) -> None:
    steps = Steps(Numbers(10), batch_size=4, seed=7)
    whole = list(step_loader(steps, 0, 9, num_workers=0, pin_memory=False))
    rest = list(step_loader(steps, 5, 9, num_workers=workers, pin_memory=False))
    assert len(rest) == 4
    for expected, got in zip(whole[5:], rest, strict=True):
        assert torch.equal(expected["item"], got["item"])
        assert torch.equal(expected["noise"], got["noise"])


def test_the_shares_of_a_step_are_its_batch() -> None:
    whole = Steps(Numbers(10), batch_size=6, seed=7)
    parts = [Steps(Numbers(10), batch_size=6, seed=7, share=Share(rank, 3)) for rank in range(3)]
    for step in range(4):
        assert torch.equal(torch.cat([part[step]["item"] for part in parts]), whole[step]["item"])
        assert {float(part[step]["noise"]) for part in parts} == {float(whole[step]["noise"])}


def test_a_pass_in_order_covers_all_items_with_a_smaller_last_batch() -> None:
    batches = [batch["item"].tolist() for batch in InOrder(Numbers(5), 2)]
    assert batches == [[0, 1], [2, 3], [4]]
