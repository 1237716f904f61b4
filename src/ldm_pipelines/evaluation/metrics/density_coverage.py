"""Density and coverage (Naeem et al., 2020)."""

from dataclasses import dataclass

from ldm_pipelines.evaluation.metrics.manifolds import manifolds
from ldm_pipelines.evaluation.metrics.neighbours import Features


@dataclass(frozen=True)
class DensityCoverage:
    density: float
    """In how many of the reference's balls a sample lies on average, over k; 1 is expected of equal distributions."""
    coverage: float
    """Share of the reference's balls that hold a sample."""


def density_coverage(samples: Features, reference: Features, neighbours: int) -> DensityCoverage:
    """From features (n, d) and (m, d), arrays or tensors, on their device; exact in float64.

    The balls are those around the reference's points, each reaching to the point's ``neighbours``-th nearest neighbour
    other than itself (k; the authors take 5). They are open, as in the authors' code (``prdc``), so that the reference
    itself has density 1; those of ``precision_recall`` are closed, as in theirs. Memory is as said there.

    Raises:
        ValueError: the shapes do not fit, a set has ``neighbours`` images or fewer, or a feature is not finite.
    """
    found = manifolds(samples, reference, neighbours)
    return DensityCoverage(found.density, found.coverage)
