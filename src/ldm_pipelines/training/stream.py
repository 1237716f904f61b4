"""The order of training data: batch number ``step`` is a function of (seed, step) alone.

Nothing about the stream needs to be stored to resume it, worker processes can prefetch whole batches, and the result
does not depend on how many of them there are.
"""

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from ldm_pipelines.data.prepared import Shards
from ldm_pipelines.data.share import WHOLE, Share
from ldm_pipelines.seeding import derive_seed
from ldm_pipelines.training.order import Indices, Order, Shuffled, ShuffledShards

Batch = dict[str, Tensor]


class BatchSource(Protocol):
    """Anything that reads several items at once (images, cached latents)."""

    def __len__(self) -> int: ...

    def read(self, indices: np.ndarray, rng: np.random.Generator | None, share: Share = WHOLE) -> Batch:
        """The share's rows of the batch ``indices`` (b,), as a dict of tensors with these rows as leading dimension.

        ``rng`` drives augmentation, drawn for the whole batch; None (validation) means none.
        """
        ...


def batch_indices(order: Order, batch_size: int, step: int) -> Indices:
    """Indices (batch_size,) of batch ``step``: one epoch after another, cut into batches of equal size.

    Every item is seen exactly once per epoch; a batch may straddle two epochs.
    """
    positions = np.arange(step * batch_size, (step + 1) * batch_size)
    epochs, places = np.divmod(positions, order.length)
    return np.concatenate([order.take(int(epoch), places[epochs == epoch]) for epoch in np.unique(epochs)])


class Steps(Dataset[Batch]):
    """A data set whose item number ``step`` is a share of the batch of that training step."""

    def __init__(
        self, source: BatchSource, batch_size: int, seed: int, shards: Shards | None = None, share: Share = WHOLE
    ) -> None:
        """``shards``: how the items have to be taken; None: in any order. ``batch_size`` is that of the whole batch."""
        self.source = source
        self.batch_size = batch_size
        self.seed = seed
        self.share = share
        self.order = Shuffled(len(source), seed) if shards is None else ShuffledShards(shards, seed)

    def __getitem__(self, step: int) -> Batch:
        indices = batch_indices(self.order, self.batch_size, step)
        return self.source.read(indices, np.random.default_rng(derive_seed(self.seed, "augment", step)), self.share)


class InOrder(Dataset[Batch]):
    """The batches of one pass over ``source``, in order and without augmentation; the last one may be smaller."""

    def __init__(self, source: BatchSource, batch_size: int) -> None:
        self.source, self.batch_size = source, batch_size

    def __len__(self) -> int:
        return -(-len(self.source) // self.batch_size)

    def __getitem__(self, number: int) -> Batch:
        if number >= len(self):
            raise IndexError(number)
        first = number * self.batch_size
        indices = np.arange(first, min(first + self.batch_size, len(self.source)))
        return self.source.read(indices, None)


class _Range:
    """Steps ``start .. stop - 1``, in order (a sampler).

    The length is that of the whole run: a resumed Lightning loop counts batches from ``start`` up to it.
    """

    def __init__(self, start: int, stop: int) -> None:
        self.start, self.stop = start, stop

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.start, self.stop))

    def __len__(self) -> int:
        return self.stop


def step_loader(steps: Steps, start: int, stop: int, num_workers: int, pin_memory: bool) -> DataLoader[Any]:
    """A loader of the batches of steps ``start .. stop - 1``."""
    return DataLoader(
        steps,
        batch_size=None,
        sampler=_Range(start, stop),
        num_workers=num_workers,
        pin_memory=pin_memory,
        persistent_workers=False,
    )
