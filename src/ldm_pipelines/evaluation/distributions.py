"""What can be said of two sets of images by their features alone."""

from typing import Any

import torch

from ldm_pipelines.evaluation.features import SetFeatures
from ldm_pipelines.evaluation.measured import Measured, intervals
from ldm_pipelines.evaluation.metrics.bootstrap import SEED, bootstrap_fid
from ldm_pipelines.evaluation.metrics.density_coverage import density_coverage
from ldm_pipelines.evaluation.metrics.fid_infinity import fid_infinity
from ldm_pipelines.evaluation.metrics.inception_score import inception_score
from ldm_pipelines.evaluation.metrics.kernel_distance import kernel_distance
from ldm_pipelines.evaluation.metrics.precision_recall import precision_recall
from ldm_pipelines.evaluation.networks.measuring import MeasuringNetwork
from ldm_pipelines.evaluation.spec import Distribution
from ldm_pipelines.feature_networks.frechet import frechet_distance

POINTS = 15
"""Sample counts behind an extrapolated FID."""


def measure_distances(made: SetFeatures, real: SetFeatures, spec: Distribution, prefix: str = "") -> Measured:
    """FID with its interval, KID, and sFID where both have spatial features; names begin with ``prefix``."""
    protocol: dict[str, Any] = {"fid": "unbiased covariances, eigenvalue route"}
    found = Measured({f"{prefix}fid": frechet_distance(real.moments, made.moments)}, protocol)
    if spec.replicates:
        interval = bootstrap_fid(made.pool, real.moments, seed=SEED, replicates=spec.replicates)
        text = f"95 %, {spec.replicates} bootstrap replicates of the samples, seed {SEED}; the reference is fixed"
        found |= Measured(protocol={"intervals": text}, details=intervals({f"{prefix}fid": interval}))
    if made.spatial is not None and real.spatial is not None:
        found |= Measured({f"{prefix}sfid": frechet_distance(real.spatial, made.spatial)})
    return found | measure_kid(made, real, spec, prefix)


def measure_kid(made: SetFeatures, real: SetFeatures, spec: Distribution, prefix: str = "") -> Measured:
    """KID as mean and deviation over subsets."""
    size = min(spec.kid_subset_size, len(made), len(real))
    kid = kernel_distance(made.pool, real.pool, subsets=spec.kid_subsets, subset_size=size)
    text = f"cubic kernel, unbiased, {spec.kid_subsets} subsets of {size}, drawn as by torch-fidelity"
    return Measured({f"{prefix}kid": kid.mean, f"{prefix}kid_std": kid.std}, {"kid": text})


def measure_extrapolation(made: SetFeatures, real: SetFeatures) -> Measured:
    """FID at growing counts of samples and its extrapolation to infinitely many; nothing of too few samples."""
    count, width = made.pool.shape
    fewest = min(max(count // 10, 2 * width), count // 2)
    if count - fewest < 4 * POINTS:
        return Measured(protocol={"fid_infinity": f"not measured: {count} samples are too few to extrapolate from"})
    line = fid_infinity(made.pool, real.moments, seed=SEED, fewest=fewest, points=POINTS)
    return Measured(
        {"fid_infinity": line.value},
        {"fid_infinity": f"line through FID over 1/n at {POINTS} counts from {fewest} to {count}, seed {SEED}"},
        {"fid_by_count": [list(point) for point in line.points], "fid_infinity_error": line.standard_error},
    )


def measure_manifolds(made: SetFeatures, real: SetFeatures, spec: Distribution, device: str) -> Measured:
    """Precision and recall, density and coverage, with exact neighbours."""
    points, real_points = (torch.from_numpy(features.pool).to(device) for features in (made, real))
    shares = precision_recall(points, real_points, spec.neighbours)
    balls = density_coverage(points, real_points, spec.neighbours)
    return Measured(
        {
            "precision": shares.precision,
            "recall": shares.recall,
            "density": balls.density,
            "coverage": balls.coverage,
        },
        {"neighbours": spec.neighbours},
    )


def measure_inception_score(
    made: SetFeatures, network: MeasuringNetwork, classes: list[str], spec: Distribution, prefix: str = ""
) -> Measured:
    """Inception Score; none where the network's logits are neither of ImageNet's classes nor of ``classes``.

    A score of other classes, such as quarter turns, would say nothing of the images.
    """
    if made.logits is None or not (network.imagenet or (classes and network.classes == classes)):
        return Measured(protocol={"is": "not measured: the feature network's classes are not the dataset's"})
    score = inception_score(made.logits, spec.is_splits)
    protocol = {"is_splits": spec.is_splits, "is_order": "permuted as by torch-fidelity, seed 2020"}
    return Measured({f"{prefix}is": score.mean, f"{prefix}is_std": score.std}, protocol)
