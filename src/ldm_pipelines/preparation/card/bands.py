"""Which hashes of two sets may be close: those that agree on a band of bits.

Two hashes that differ in at most d bits agree on one of d + 1 bands (multi-index hashing; Norouzi et al., 2012).
"""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
Rows = NDArray[np.intp]
Band = tuple[int, int]
"""The lowest bit, and how many."""

BITS = 64
STRIDE = 5
"""Odd, so that every bit has a place."""
BLOCK = 1 << 18
"""Comparisons at once: a few megabytes."""
SMALL = 512
"""Hashes with a band in common: up to so many are compared together with those of other bands."""


def spread(hashes: Hashes) -> Hashes:
    """The same bits in another order, 64-bit words still: neighbours in an image, which are alike, lie apart."""
    moved = np.zeros_like(hashes)
    for place in range(BITS):
        bit = (hashes >> np.uint64(place * STRIDE % BITS)) & np.uint64(1)
        moved |= bit << np.uint64(place)
    return moved


def bands(count: int) -> list[Band]:
    """``count`` bands of nearly equal width that make up all bits."""
    edges = [BITS * number // count for number in range(count + 1)]
    return [(low, high - low) for low, high in pairwise(edges)]


def keys(hashes: Hashes, band: Band) -> Hashes:
    """A band's bits."""
    low, width = band
    return (hashes >> np.uint64(low)) & np.uint64((1 << width) - 1)


class Buckets:
    """The pairs of two sets of hashes that agree on a band; crowds of more than ``largest`` pairs are left out."""

    def __init__(self, a: Hashes, b: Hashes, band: Band, largest: int) -> None:
        keys_a, self._keys_b = keys(a, band), keys(b, band)
        self._order = np.argsort(keys_a, kind="stable")
        self._starts = np.searchsorted(keys_a[self._order], self._keys_b, "left")
        self._counts = np.searchsorted(keys_a[self._order], self._keys_b, "right") - self._starts
        _, members, sizes = np.unique(self._keys_b, return_inverse=True, return_counts=True)
        self.crowded: NDArray[np.bool_] = self._counts * sizes[members.reshape(-1)] > largest
        """Which hashes of the second set are in a crowd."""

    def pairs(self) -> Iterator[tuple[Rows, Rows]]:
        """Positions in the first and in the second set, which broadcast against each other, at most a block at once."""
        yield from self._small()
        yield from self._large()

    def _small(self) -> Iterator[tuple[Rows, Rows]]:
        rows = np.flatnonzero((self._counts > 0) & (self._counts <= SMALL) & ~self.crowded)
        upto = np.cumsum(self._counts[rows])
        ends = np.searchsorted(upto, np.arange(BLOCK, upto[-1] if len(rows) else 0, BLOCK))
        for chunk in np.split(rows, ends):
            counts = self._counts[chunk]
            begins = np.repeat(self._starts[chunk] - np.cumsum(counts) + counts, counts)
            yield self._order[begins + np.arange(counts.sum())], np.repeat(chunk, counts)

    def _large(self) -> Iterator[tuple[Rows, Rows]]:
        rows = np.flatnonzero((self._counts > SMALL) & ~self.crowded)
        rows = rows[np.argsort(self._keys_b[rows], kind="stable")]
        _, first = np.unique(self._keys_b[rows], return_index=True)
        for bucket in np.split(rows, first[1:]):
            if not len(bucket):
                continue
            start, count = self._starts[bucket[0]], self._counts[bucket[0]]
            for others in _chunks(self._order[start : start + count], BLOCK):
                for part in _chunks(bucket, max(1, BLOCK // len(others))):
                    yield others[None, :], part[:, None]


def _chunks(rows: Rows, size: int) -> Iterator[Rows]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
