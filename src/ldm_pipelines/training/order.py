"""In which order a training takes its items: epoch ``e`` is a function of (seed, e) alone."""

from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ldm_pipelines.data.prepared import Shards
from ldm_pipelines.seeding import derive_seed

Indices = NDArray[np.int64]


class Order(Protocol):
    """A permutation of all items for each epoch. Any part of it can be had without what comes before."""

    length: int

    def take(self, epoch: int, places: Indices) -> Indices:
        """The items at these (rising) places of an epoch."""
        ...


class Shuffled:
    """Every order of the items is as likely as any other."""

    def __init__(self, length: int, seed: int) -> None:
        self.length, self._seed = length, seed

    def take(self, epoch: int, places: Indices) -> Indices:
        return _permutation(self.length, derive_seed(self._seed, "epoch", epoch))[places]


class ShuffledShards:
    """Shards in random order, and some of them at a time (a window) with all their items in random order.

    What is read at one time then lies in few shards, whoever reads it: a batch is the same for any number of workers.
    """

    def __init__(self, shards: Shards, seed: int) -> None:
        self.length = int(shards.sizes.sum())
        self._shards, self._seed = shards, seed
        self._first = np.cumsum(shards.sizes) - shards.sizes
        self._plans: dict[int, tuple[list[Indices], Indices]] = {}
        self._read: dict[tuple[int, int], Indices] = {}

    def take(self, epoch: int, places: Indices) -> Indices:
        ends = self._plan(epoch)[1]
        windows = np.searchsorted(ends, places, side="right")
        taken = []
        for window in np.unique(windows).tolist():
            start = ends[window - 1] if window else 0
            taken.append(self._window(epoch, window)[places[windows == window] - start])
        return np.concatenate(taken)

    def _window(self, epoch: int, window: int) -> Indices:
        """Its items in their order. Asked for the first time, it has its shards and the next window's fetched."""
        if (epoch, window) not in self._read:
            items = self._items(epoch, window)
            last = window == len(self._plan(epoch)[0]) - 1
            self._shards.ahead(items)
            self._shards.ahead(self._items(epoch + 1, 0) if last else self._items(epoch, window + 1))
            order = _permutation(len(items), derive_seed(self._seed, "epoch", epoch, "window", window))
            self._read = {**dict([*self._read.items()][-1:]), (epoch, window): items[order]}
        return self._read[epoch, window]

    def _plan(self, epoch: int) -> tuple[list[Indices], Indices]:
        """The shards of each window, and the places where the windows end."""
        if epoch not in self._plans:
            order = _permutation(len(self._first), derive_seed(self._seed, "epoch", epoch, "shards"))
            together = self._shards.together
            windows = [order[start : start + together] for start in range(0, len(order), together)]
            ends = np.cumsum([self._shards.sizes[window].sum() for window in windows])
            self._plans = {**dict([*self._plans.items()][-1:]), epoch: (windows, ends)}
        return self._plans[epoch]

    def _items(self, epoch: int, window: int) -> Indices:
        shards = self._plan(epoch)[0][window]
        return np.concatenate([self._first[shard] + np.arange(self._shards.sizes[shard]) for shard in shards])


@lru_cache(maxsize=4)
def _permutation(length: int, seed: int) -> Indices:
    return np.random.default_rng(seed).permutation(length)
