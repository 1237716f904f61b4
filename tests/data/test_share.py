"""Which rows of a batch a process trains on, and what is random in them."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from ldm_pipelines.data.share import WHOLE, Share
from ldm_pipelines.training.draws import Draws


@given(count=st.integers(1, 9), size=st.integers(1, 9))
def test_equal_parts_side_by_side_are_the_batch(count: int, size: int) -> None:
    batch = list(range(count * size))
    shares = [Share(rank, count) for rank in range(count)]
    assert [len(share.take(batch)) for share in shares] == [size] * count
    assert [row for share in shares for row in share.take(batch)] == batch
    assert np.concatenate([share.take(np.array(batch)) for share in shares]).tolist() == batch
    assert [row for share in shares for row in share.rows(len(batch))] == batch
    assert {share.whole(size) for share in shares} == {len(batch)}
    assert [share.first for share in shares] == [True] + [False] * (count - 1)
    assert WHOLE.take(batch) == batch


def test_every_process_draws_its_rows_of_what_one_would_draw() -> None:
    """Several kinds of numbers one after the other, against PyTorch's own generator."""
    one = torch.Generator().manual_seed(3)
    expected = [
        torch.randn(6, 2, 3, generator=one), torch.rand(6, generator=one), torch.randint(9, (6,), generator=one),
        torch.randn(6, 4, generator=one),
    ]  # fmt: skip
    for share in (WHOLE, Share(0, 3), Share(1, 3), Share(2, 3)):
        draws, rows = Draws(torch.Generator().manual_seed(3), share), 6 // share.count
        drawn = [draws.normal(rows, 2, 3), draws.uniform(rows), draws.integers(9, rows), draws.normal(rows, 4)]
        for got, whole in zip(drawn, expected, strict=True):
            assert torch.equal(got, share.take(whole))
