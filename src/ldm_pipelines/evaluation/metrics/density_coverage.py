"""Density and coverage (Naeem et al., 2020)."""

from dataclasses import dataclass

import torch

from ldm_pipelines.evaluation.metrics.neighbours import Features, blocks, matching, squared_radii


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
    made, real = matching(samples, reference, neighbours)
    radii = squared_radii(real, neighbours)
    memberships, covered = 0, torch.zeros(len(real), dtype=torch.bool, device=real.device)
    for block in blocks(made, real):
        inside = block.within(radii, closed=False)
        memberships += int(inside.sum())
        covered |= inside.any(dim=0)
    return DensityCoverage(memberships / (neighbours * len(made)), float(covered.double().mean()))
