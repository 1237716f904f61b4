"""Precision and recall by nearest-neighbour manifolds (Kynkaanniemi et al., 2019)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

CHUNK_ELEMENTS = 2**25
"""Distances held at once: 2^25 float64 are 256 MiB."""

SPARE = 4
"""Candidates for the nearest neighbours beyond those asked for: near ties are settled exactly."""

PAIRS = 2**14
"""Pairs of vectors held at once where distances are measured exactly."""

_UNCERTAIN = 1e-11
"""Relative rounding error of |a|^2 + |b|^2 - 2ab in float64, generously, at a few thousand dimensions."""


@dataclass(frozen=True)
class PrecisionRecall:
    precision: float
    """Share of the samples that lie in the manifold of the reference."""
    recall: float
    """Share of the reference that lies in the manifold of the samples."""


def precision_recall(samples: Tensor, reference: Tensor, neighbours: int) -> PrecisionRecall:
    """From features (n, d) and (m, d), on their device, in float64.

    A set's manifold is the union of closed balls around its points, each reaching to the point's ``neighbours``-th
    nearest neighbour other than itself. Memory beyond the features is a few times ``CHUNK_ELEMENTS``.
    """
    if samples.ndim != 2 or reference.ndim != 2 or samples.shape[1] != reference.shape[1]:
        raise ValueError(f"features must be (n, d) and (m, d), not {tuple(samples.shape)}, {tuple(reference.shape)}")
    if min(len(samples), len(reference)) <= neighbours:
        raise ValueError(f"{neighbours} neighbours need more than {neighbours} images in both sets")
    centre = reference.double().mean(dim=0)
    made, real = (_Points(features.double(), features.double() - centre) for features in (samples, reference))
    return PrecisionRecall(_share_inside(made, real, neighbours), _share_inside(real, made, neighbours))


class _Points(NamedTuple):
    """Features as they are, for exact distances, and without their offset, which costs the fast formula digits."""

    raw: Tensor
    centred: Tensor

    def chunks(self, per_row: int) -> Iterator["_Points"]:
        """Rows, as many at once as ``CHUNK_ELEMENTS`` distances allow at ``per_row`` each."""
        size = max(1, CHUNK_ELEMENTS // per_row)
        yield from map(_Points, torch.split(self.raw, size), torch.split(self.centred, size))


def _share_inside(queries: _Points, points: _Points, neighbours: int) -> float:
    count = len(points.raw)
    radii = torch.cat([_squared_radii(chunk, points, neighbours) for chunk in points.chunks(count)])
    inside = torch.cat([_inside(chunk, points, radii) for chunk in queries.chunks(count)])
    return float(inside.double().mean())


def _squared_distances(a: _Points, b: _Points) -> tuple[Tensor, Tensor]:
    """By one matrix product: (n, m) distances, and the error each may carry."""
    scale = a.centred.square().sum(dim=1)[:, None] + b.centred.square().sum(dim=1)
    return torch.addmm(scale, a.centred, b.centred.T, alpha=-2), scale * _UNCERTAIN


def _exact(a: Tensor, b: Tensor) -> Tensor:
    """Squared distances of paired rows by differences: symmetric to the last bit, and 0 for equal points."""
    return (a - b).square().sum(dim=-1)


def _squared_radii(chunk: _Points, points: _Points, neighbours: int) -> Tensor:
    """Squared distance of every point of ``chunk`` to its k-th nearest neighbour: the fast formula proposes some."""
    candidates = min(neighbours + 1 + SPARE, len(points.raw))
    nearest = _squared_distances(chunk, points)[0].topk(candidates, dim=1, largest=False, sorted=False).indices
    distances = torch.stack([_exact(chunk.raw, points.raw[column]) for column in nearest.T], dim=1)
    return distances.kthvalue(neighbours + 1, dim=1).values


def _inside(queries: _Points, points: _Points, radii: Tensor) -> Tensor:
    """Whether each query lies in a ball; pairs too close to a boundary for the fast formula are measured exactly."""
    distances, error = _squared_distances(queries, points)
    gap = distances - radii
    inside = (gap < -error).any(dim=1)
    uncertain = (gap.abs() <= error) & ~inside[:, None]
    for row, column in zip(*(torch.split(index, PAIRS) for index in uncertain.nonzero(as_tuple=True)), strict=True):
        hit = _exact(queries.raw[row], points.raw[column]) <= radii[column]
        inside[row[hit]] = True
    return inside
