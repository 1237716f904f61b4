"""The pairs of 64-bit hashes of two sets that differ in few bits, found without comparing every pair."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ldm_pipelines.preparation.card.bands import BITS, Buckets, Hashes, Rows, bands, keys, spread

LARGEST_CROWD = 1 << 28
"""Pairs of hashes with one band in common that are compared (a second's work); larger crowds are left out."""
ENOUGH = 1 << 23
"""Pairs after which counting ends: what is alike to this degree has no near duplicates to speak of."""


class Pair(NamedTuple):
    """By how many bits two hashes differ, and their positions in the two sets."""

    distance: int
    left: int
    right: int


@dataclass(frozen=True)
class NearPairs:
    """The pairs between two sets of hashes."""

    total: int
    closest: tuple[Pair, ...]
    """By distance, then by position."""
    left: NDArray[np.bool_]
    """Which hashes of the left set are in a pair."""
    right: NDArray[np.bool_]
    crowded: int
    """Hashes of the right set in a crowd that was left out: only those that are closer in other bits were found."""
    complete: bool
    """Whether the counting came to its end."""


def near_pairs(
    left: Hashes,
    right: Hashes,
    distance: int,
    most: int = 20,
    *,
    largest_crowd: int = LARGEST_CROWD,
    enough: int = ENOUGH,
) -> NearPairs:
    """Pairs that differ in at most ``distance`` bits, and the ``most`` closest of them.

    Equal hashes are compared once for all; memory does not grow with the number of pairs.
    """
    if not 0 <= distance < BITS:
        raise ValueError(f"distance is {distance}; it must be between 0 and {BITS - 1} bits")
    found = _Found(_Distinct.of(spread(left)), _Distinct.of(spread(right)), most)
    crowded = np.zeros(len(found.b.hashes), dtype=np.bool_)
    work = 0
    for i, j, bits in _candidates(found.a.hashes, found.b.hashes, distance, largest_crowd, crowded):
        found.add(i, j, bits)
        work += len(i)
        if work > enough:
            break
    return NearPairs(
        total=found.total,
        closest=found.closest(),
        left=found.in_a[found.a.inverse],
        right=found.in_b[found.b.inverse],
        crowded=int(found.b.counts[crowded].sum()),
        complete=work <= enough,
    )


def _candidates(
    a: Hashes, b: Hashes, distance: int, largest_crowd: int, crowded: NDArray[np.bool_]
) -> Iterator[tuple[Rows, Rows, NDArray[np.uint8]]]:
    """Every pair within the distance once: at the first band on which it agrees and that is no crowd for it."""
    before: list[tuple[Hashes, Hashes, NDArray[np.bool_]]] = []
    for band in bands(distance + 1):
        buckets = Buckets(a, b, band, largest_crowd)
        crowded |= buckets.crowded
        for at_a, at_b in buckets.pairs():
            bits = np.bitwise_count(a[at_a] ^ b[at_b])
            near = np.nonzero(bits <= distance)
            i, j = (np.broadcast_to(at, bits.shape)[near] for at in (at_a, at_b))
            new = np.ones(len(i), dtype=np.bool_)
            for keys_a, keys_b, crowd in before:
                new &= (keys_a[i] != keys_b[j]) | crowd[j]
            if new.any():
                yield i[new], j[new], bits[near][new]
        before.append((keys(a, band), keys(b, band), buckets.crowded))


@dataclass(frozen=True)
class _Distinct:
    """The distinct hashes of a set, and where they are."""

    hashes: Hashes
    first: Rows
    """Of each hash: where it first is."""
    inverse: Rows
    """Of each element: which hash it has."""
    counts: Rows

    @classmethod
    def of(cls, hashes: Hashes) -> "_Distinct":
        distinct, first, inverse, counts = np.unique(hashes, return_index=True, return_inverse=True, return_counts=True)
        return cls(distinct, first, inverse.reshape(-1), counts)


class _Found:
    """Pairs of distinct hashes: how many pairs of elements they are, and the closest."""

    def __init__(self, a: _Distinct, b: _Distinct, most: int) -> None:
        self.a, self.b, self._most = a, b, most
        self._best: list[Pair] = []
        self.total = 0
        self.in_a = np.zeros(len(a.hashes), dtype=np.bool_)
        self.in_b = np.zeros(len(b.hashes), dtype=np.bool_)

    def add(self, i: Rows, j: Rows, bits: NDArray[np.uint8]) -> None:
        self.total += int(self.a.counts[i] @ self.b.counts[j])
        self.in_a[i] = True
        self.in_b[j] = True
        left, right = self.a.first[i], self.b.first[j]
        if len(self._best) == self._most and self._best:
            worst = self._best[-1]
            earlier = (left < worst.left) | ((left == worst.left) & (right < worst.right))
            better = (bits < worst.distance) | ((bits == worst.distance) & earlier)
            bits, left, right = bits[better], left[better], right[better]
        order = np.lexsort((right, left, bits))[: self._most]
        new = [Pair(int(bits[k]), int(left[k]), int(right[k])) for k in order]
        self._best = sorted([*self._best, *new])[: self._most]

    def closest(self) -> tuple[Pair, ...]:
        """Of elements: each is in a pair of distinct hashes whose first elements are at least as close and early."""
        where_a = _Places(self.a.inverse)
        where_b = _Places(self.b.inverse)
        pairs: list[Pair] = []
        for bits, i, j in self._best:
            lefts, rights = where_a.same_as(i, self._most), where_b.same_as(j, self._most)
            pairs = sorted([*pairs, *(Pair(bits, x, y) for x in lefts for y in rights)])[: self._most]
        return tuple(pairs)


class _Places:
    """All elements with the same hash."""

    def __init__(self, inverse: Rows) -> None:
        self._inverse = inverse
        self._order = np.argsort(inverse, kind="stable")
        self._sorted = inverse[self._order]

    def same_as(self, element: int, most: int) -> list[int]:
        start, end = np.searchsorted(self._sorted, self._inverse[element] + np.array([0, 1]))
        return [int(place) for place in self._order[start : min(end, start + most)]]
