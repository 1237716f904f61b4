"""Who lies in whose ball: exact k-nearest-neighbour radii and memberships of feature sets of any size.

A float32 matrix product bounds every squared distance from both sides; what the bounds leave open is measured by
differences in float64. The result is that of brute force in float64, whatever the chunk size and the device.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from ldm_pipelines.evaluation.arithmetic import exact_float32

Features = Tensor | NDArray[Any]

CHUNK_ELEMENTS = 2**25
"""Distances bounded at once: 2^25 float32 are 128 MiB, of which some four copies live at a time."""

PAIR_ELEMENTS = 2**18
"""Numbers held at once where distances are measured by differences: 2^18 float64 are 2 MiB, which fit a cache."""

SPARE = 4
"""Candidates for the nearest neighbours beyond those asked for; more are looked at where they could be nearer."""

_EPS = torch.finfo(torch.float32).eps
_TINY = 1e-30
"""More than what underflows in a float32 product."""


def matching(samples: Features, reference: Features, neighbours: int) -> tuple[Tensor, Tensor]:
    """Both sets as tensors of one floating type, on the device they are on.

    Raises:
        ValueError: they are not (n, d) and (m, d), or have no ``neighbours``-th neighbour.
    """
    a, b = (torch.as_tensor(features) for features in (samples, reference))
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
        raise ValueError(f"features must be (n, d) and (m, d), not {tuple(a.shape)}, {tuple(b.shape)}")
    if neighbours < 1 or min(len(a), len(b)) <= neighbours:
        raise ValueError(
            f"neighbours = {neighbours} must be 1 or more, with more than {neighbours} images in both sets"
        )
    dtype = torch.promote_types(torch.promote_types(a.dtype, b.dtype), torch.float32)
    return a.to(dtype), b.to(dtype)


def squared_radii(points: Tensor, neighbours: int) -> Tensor:
    """Squared distance (n,), float64, of each point (n, d) to its k-th nearest neighbour other than itself.

    Raises:
        ValueError: a feature is NaN, infinite or too large to be squared.
    """
    return torch.cat([block.kth_smallest(neighbours + 1) for block in blocks(points, points)])


def blocks(queries: Tensor, points: Tensor) -> Iterator["Block"]:
    """Distances of ``queries`` (n, d) from ``points`` (m, d), as many rows at once as ``CHUNK_ELEMENTS`` allow.

    Raises:
        ValueError: a feature is NaN, infinite or too large to be squared.
    """
    centre = points.mean(dim=0)  # an offset common to all would cost the product digits
    of_points = _Bounded.around(points, centre)
    of_queries = of_points if queries is points else _Bounded.around(queries, centre)
    size = max(1, CHUNK_ELEMENTS // len(points))
    for start in range(0, len(queries), size):
        rows = slice(start, start + size)
        yield Block(rows, queries[rows], points, of_queries.part(rows), of_points)


@dataclass(frozen=True)
class _Bounded:
    """Vectors (n, d) in float32 without their offset, and their squared norms (n,) less and plus a slack."""

    vectors: Tensor
    low: Tensor
    high: Tensor

    @classmethod
    def around(cls, points: Tensor, centre: Tensor) -> "_Bounded":
        vectors = (points - centre).float()
        norms = torch.linalg.vecdot(vectors, vectors)
        if not norms.isfinite().all():
            raise ValueError("features must be finite, and below 1e19 in size: their squares are summed in float32")
        # a sum of d products errs by d half-units of the last place at most: once for the norms here, once for
        # 2ab <= |a|^2 + |b|^2; the roundings of the vectors, and of the few sums to come, are well below 64 units
        slack = norms * ((points.shape[1] + 64) * _EPS) + _TINY
        return cls(vectors, norms - slack, norms + slack)

    def part(self, rows: slice) -> "_Bounded":
        return _Bounded(self.vectors[rows], self.low[rows], self.high[rows])


class Block:
    """Distances of the queries at ``rows`` (r of n) from all points (m)."""

    def __init__(self, rows: slice, queries: Tensor, points: Tensor, a: _Bounded, b: _Bounded) -> None:
        self.rows = rows
        self._queries, self._points, self._a, self._b = queries, points, a, b
        self._product = _float32_product(a.vectors, b.vectors).mul_(2)

    def within(self, squared_radii: Tensor, *, closed: bool) -> Tensor:
        """Whether each distance is below (``closed``: or equal to) its radius: bool (r, m).

        ``squared_radii``, float64: (m,), balls around the points; or (r, 1), balls around the queries.
        """
        smaller, larger = squared_radii * (1 - 8 * _EPS) - _TINY, squared_radii * (1 + 8 * _EPS) + _TINY
        inside = self._product > (self._a.high[:, None] + self._b.high).sub_(smaller.float())
        possible = self._product >= (self._a.low[:, None] + self._b.low).sub_(larger.float())
        row, column = (possible & ~inside).nonzero(as_tuple=True)
        radius = squared_radii.expand(inside.shape)[row, column]
        distance = self._measure(row, column)
        inside[row, column] = distance <= radius if closed else distance < radius
        return inside

    def kth_smallest(self, k: int) -> Tensor:
        """The k-th smallest squared distance (r,), float64, of each query; ``k`` counts from 1."""
        low = (self._a.low[:, None] + self._b.low).sub_(self._product)
        nearest = low.topk(min(k + SPARE, len(self._points)), dim=1, largest=False)
        row = torch.arange(len(low), device=low.device).repeat_interleave(nearest.indices.shape[1])
        distances = self._measure(row, nearest.indices.flatten()).view(nearest.indices.shape)
        found = distances.kthvalue(k, dim=1).values
        at_least = nearest.values.amax(dim=1).clamp_min(0)  # a bound on what the candidates leave out
        for index in (found > at_least).nonzero():
            column = (low[index[0]] <= found[index]).nonzero().flatten()
            found[index] = self._measure(index.expand(len(column)), column).kthvalue(k).values
        return found

    def _measure(self, row: Tensor, column: Tensor) -> Tensor:
        """Squared distances (p,), float64, of pairs by differences: symmetric to the last bit, 0 for equal points."""
        size = max(1, PAIR_ELEMENTS // self._points.shape[1])
        pairs = zip(torch.split(row, size), torch.split(column, size), strict=True)
        return torch.cat([_sum((self._queries[i].double() - self._points[j].double()).square_()) for i, j in pairs])


def _sum(terms: Tensor) -> Tensor:
    """Sums (p,) of rows (p, d) by halving: a library's own sum may take another order for another p or device."""
    while (width := terms.shape[1]) > 1:
        half = width // 2
        halved = terms[:, :half] + terms[:, half : 2 * half]
        terms = torch.cat([halved, terms[:, 2 * half :]], dim=1) if width % 2 else halved
    return terms[:, 0]


def _float32_product(a: Tensor, b: Tensor) -> Tensor:
    """a b^T in float32 proper: TF32 and bfloat16, where a program allows them, round more than the slack covers."""
    with exact_float32():
        return a @ b.T
