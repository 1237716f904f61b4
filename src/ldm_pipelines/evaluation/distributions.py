"""What can be said of two sets of images by their features alone."""

from typing import Any

import torch

from ldm_pipelines.evaluation.features import SetFeatures
from ldm_pipelines.evaluation.measured import Measured, intervals
from ldm_pipelines.evaluation.metrics.bootstrap import SEED, Interval, bootstrap_fid, bootstrap_mean
from ldm_pipelines.evaluation.metrics.fid_infinity import fid_infinity
from ldm_pipelines.evaluation.metrics.inception_score import bootstrap_score, inception_score
from ldm_pipelines.evaluation.metrics.kernel_distance import kernel_distance
from ldm_pipelines.evaluation.metrics.manifolds import manifolds
from ldm_pipelines.evaluation.networks.measuring import MeasuringNetwork
from ldm_pipelines.evaluation.spec import Distribution
from ldm_pipelines.evaluation.subsets import stable_subset
from ldm_pipelines.feature_networks.frechet import Gaussian, frechet_distance

POINTS = 15
"""Sample counts behind an extrapolated FID."""
OF_SAMPLES = f"95 %, over draws of the samples (bootstrap, seed {SEED})"
OF_REFERENCE = f"95 %, over draws of the reference's images (bootstrap, seed {SEED})"
FIXED = "the neighbourhoods are fixed"


def measure_distances(
    made: SetFeatures, real: SetFeatures, spec: Distribution, prefix: str = "", *, progress: bool = False
) -> Measured:
    """FID with its interval, KID, and sFID where both have spatial features; names begin with ``prefix``.

    ``progress`` shows how far the interval is.
    """
    found = measure_fid(made, real.moments, spec, prefix, progress=progress)
    if made.spatial is not None and real.spatial is not None:
        found |= Measured({f"{prefix}sfid": frechet_distance(real.spatial, made.spatial)})
    return found | measure_kid(made, real, spec, prefix)


def measure_fid(
    made: SetFeatures, moments: Gaussian, spec: Distribution, prefix: str = "", *, progress: bool = False
) -> Measured:
    """FID with its interval, of which nothing but the reference's moments are needed."""
    protocol = {"fid": "unbiased covariances, eigenvalue route"}
    found = Measured({f"{prefix}fid": frechet_distance(moments, made.moments)}, protocol)
    if not spec.replicates:
        return found
    interval = bootstrap_fid(made.pool, moments, seed=SEED, replicates=spec.replicates, progress=progress)
    text = f"{OF_SAMPLES}, {spec.replicates} replicates; the reference is fixed"
    return found | _with_interval(f"{prefix}fid", interval, text)


def measure_kid(made: SetFeatures, real: SetFeatures, spec: Distribution, prefix: str = "") -> Measured:
    """KID as mean and deviation over subsets; without a deviation where the only subset is all there is."""
    size = min(spec.kid_subset_size, len(made), len(real))
    if size == len(made) == len(real):
        kid = kernel_distance(made.pool, real.pool, subsets=1, subset_size=size)
        return Measured({f"{prefix}kid": kid.mean}, {"kid": f"cubic kernel, unbiased, of all {size} images at once"})
    kid = kernel_distance(made.pool, real.pool, subsets=spec.kid_subsets, subset_size=size)
    text = (
        f"cubic kernel, unbiased, {spec.kid_subsets} subsets of {size}, drawn as by torch-fidelity; kid_std is that of "
        "one subset's estimate, no error of their mean"
    )
    return Measured({f"{prefix}kid": kid.mean, f"{prefix}kid_std": kid.std}, {"kid": text})


def measure_extrapolation(made: SetFeatures, moments: Gaussian, *, progress: bool = False) -> Measured:
    """FID at growing counts of samples and its extrapolation to infinitely many; nothing of too few samples."""
    count, width = made.pool.shape
    fewest = min(max(count // 10, 2 * width), count // 2)
    if count - fewest < 4 * POINTS:
        return Measured(protocol={"fid_infinity": f"not measured: {count} samples are too few to extrapolate from"})
    line = fid_infinity(made.pool, moments, seed=SEED, fewest=fewest, points=POINTS, progress=progress)
    return Measured(
        {"fid_infinity": line.value},
        {"fid_infinity": f"line through FID over 1/n at {POINTS} counts from {fewest} to {count}, seed {SEED}"},
        {"fid_by_count": [list(point) for point in line.points], "fid_infinity_error": line.standard_error},
    )


def measure_manifolds(made: SetFeatures, real: SetFeatures, spec: Distribution, device: str) -> Measured:
    """Precision and recall, density and coverage, with exact neighbours and their intervals.

    Where the reference has more than ``spec.manifold_images``, against so many of its images.
    """
    reference = real.pool
    protocol: dict[str, Any] = {"neighbours": spec.neighbours}
    if spec.manifold_images is not None and spec.manifold_images < len(reference):
        reference = reference[stable_subset(reference, spec.manifold_images, SEED)]
        protocol["manifold_images"] = (
            f"{len(reference)} of the reference's {len(real)}, drawn by a digest of their features, seed {SEED}"
        )
    points, real_points = (torch.from_numpy(pool).to(device) for pool in (made.pool, reference))
    found = manifolds(points, real_points, spec.neighbours)
    measured = Measured(
        {
            "precision": found.precision,
            "recall": found.recall,
            "density": found.density,
            "coverage": found.coverage,
        },
        protocol,
    )
    for name, values, draws in (
        ("precision", found.precise, OF_SAMPLES),
        ("recall", found.recalled, OF_REFERENCE),
        ("density", found.memberships / spec.neighbours, OF_SAMPLES),
        ("coverage", found.covered, OF_REFERENCE),
    ):
        measured |= _with_interval(name, bootstrap_mean(values, seed=SEED), f"{draws}; {FIXED}")
    return measured


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
    found = Measured({f"{prefix}is": score.mean, f"{prefix}is_std": score.std}, protocol)
    interval = bootstrap_score(made.logits, spec.is_splits, seed=SEED)
    return found | _with_interval(f"{prefix}is", interval, f"{OF_SAMPLES}, within the splits")


def _with_interval(name: str, interval: Interval, text: str) -> Measured:
    """An interval, and what it is about."""
    return Measured(protocol={"intervals": {name: text}}, details=intervals({name: interval}))
