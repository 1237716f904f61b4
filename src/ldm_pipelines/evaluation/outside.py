"""Measure any images against any others: FID and its relatives for models that are not of this project."""

from pathlib import Path
from typing import Any

from ldm_pipelines.compute import Compute
from ldm_pipelines.errors import InputError
from ldm_pipelines.evaluation.arithmetic import FLOAT32
from ldm_pipelines.evaluation.classes import knows, measure_accuracy
from ldm_pipelines.evaluation.comparability import remarks
from ldm_pipelines.evaluation.distributions import measure_inception_score
from ldm_pipelines.evaluation.features import extract
from ldm_pipelines.evaluation.images.image_set import ImageSet
from ldm_pipelines.evaluation.measured import check_size
from ldm_pipelines.evaluation.networks.artefacts import open_distance, open_network
from ldm_pipelines.evaluation.networks.measuring import MeasuringNetwork
from ldm_pipelines.evaluation.networks.published import DISTANCES, NETWORKS, load_distance, load_published
from ldm_pipelines.evaluation.outside_images import classes_of, describe_images, open_outside
from ldm_pipelines.evaluation.outside_reference import OutsideReference
from ldm_pipelines.evaluation.outside_spec import Outside
from ldm_pipelines.evaluation.pairs.partners import PartnerImages
from ldm_pipelines.evaluation.provenance import describe_network
from ldm_pipelines.feature_networks.features import PerceptualDistance


def evaluate_outside(spec: Outside, *, workspace: Path, compute: Compute) -> dict[str, Any]:
    """FID with interval and extrapolation, KID, precision, recall, density, coverage; IS and accuracy where the classes
    are known.

    Against statistics (``mu`` and ``sigma``) there are FID and, where both have it, sFID; the rest is measured against
    the images that the file also holds, as ADM's reference batches do, or not at all. ``workspace`` holds features
    while they are needed.

    Returns the JSON-able result: ``metrics``, ``details``, ``provenance``, whose ``protocol`` may have ``remarks``:
    what makes the figures doubtful.

    Raises:
        InputError: something is not given, cannot be read, does not fit, or is too small for the metrics.
    """
    if spec.images is None or spec.reference is None or spec.network is None:
        missing = next(name for name in ("images", "reference", "network") if getattr(spec, name) is None)
        raise InputError(
            f"evaluate.{missing} is not given; for example `kedro run --pipelines=evaluate --params=evaluate.images="
            "samples.zip,evaluate.reference=data/04_feature/digits_train,evaluate.network=inception_fidelity`"
        )
    network = _network(spec.network, compute)
    images = open_outside(spec.images, spec, class_folders=spec.class_folders)
    settings = spec.distribution
    check_size(f"evaluate.images: {spec.images}", len(images), 2, settings.is_splits, settings.neighbours + 1)
    pairs = _pairs(spec, images, compute)
    onlookers = [pairs] if pairs else []
    made = extract(
        network,
        images,
        workspace / "images",
        compute=compute,
        what=str(spec.images),
        onlookers=onlookers,
    )
    against = OutsideReference(spec, network, workspace, compute).measure(made, spec.reference)
    classes = classes_of(images)
    found = (
        against.found
        | measure_inception_score(made, network, network.classes if knows(network, classes) else [], settings)
        | measure_accuracy(made, images.labels, classes, network)
    )
    if pairs:
        found |= pairs.measured()
    described = describe_images(spec.images, images, spec)
    doubts = [*remarks(described, against.facts), *against.remarks]
    return {
        "kind": "outside",
        "metrics": found.metrics,
        "details": found.details,
        "provenance": {
            "feature_network": describe_network(network),
            **({"perceptual_network": pairs.network} if pairs and pairs.network else {}),
            "images": described,
            "reference": against.facts,
            "protocol": {
                "pixels": "8-bit RGB",
                "arithmetic": FLOAT32,
                **found.protocol,
                **({"remarks": doubts} if doubts else {}),
            },
        },
    }


def _network(name: str, compute: Compute) -> MeasuringNetwork:
    if name in NETWORKS:
        return load_published(name, compute.weights_dir, compute.torch_device())
    if not Path(name).is_dir():
        raise InputError(
            f"evaluate.network: {name!r} is neither a folder of a trained network nor a published one "
            f"({', '.join(NETWORKS)})"
        )
    return open_network(Path(name), compute)


def _pairs(spec: Outside, images: ImageSet, compute: Compute) -> PartnerImages | None:
    if spec.truth is None:
        if spec.distance:
            raise InputError("evaluate.distance compares images with evaluate.truth, which is not given")
        return None
    truth = open_outside(spec.truth, spec)
    return PartnerImages(images, truth, _distance(spec.distance, compute), compute.torch_device())


def _distance(name: str | None, compute: Compute) -> PerceptualDistance | None:
    if name is None:
        return None
    if name in DISTANCES:
        return load_distance(name, compute.weights_dir, compute.torch_device())
    if not Path(name).is_dir():
        known = ", ".join(DISTANCES)
        raise InputError(
            f"evaluate.distance: {name!r} is neither a folder of a trained network nor a published one ({known})"
        )
    return open_distance(Path(name), compute)
