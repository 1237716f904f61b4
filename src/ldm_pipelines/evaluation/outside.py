"""Measure any images against any others: FID and its relatives for models that are not of this project."""

import zipfile
from pathlib import Path
from typing import Any

from ldm_pipelines.compute import Compute
from ldm_pipelines.digests import digest_folder
from ldm_pipelines.errors import InputError
from ldm_pipelines.evaluation.distributions import (
    measure_distances,
    measure_extrapolation,
    measure_inception_score,
    measure_kid,
    measure_manifolds,
)
from ldm_pipelines.evaluation.features import SetFeatures, extract
from ldm_pipelines.evaluation.images.image_set import ImageSet
from ldm_pipelines.evaluation.images.opening import open_images
from ldm_pipelines.evaluation.images.preprocessing import Preprocessing
from ldm_pipelines.evaluation.images.sample_sets import SampleSet
from ldm_pipelines.evaluation.images.statistics import read_statistics
from ldm_pipelines.evaluation.measured import Measured, check_size
from ldm_pipelines.evaluation.networks.artefacts import open_distance, open_network
from ldm_pipelines.evaluation.networks.measuring import MeasuringNetwork
from ldm_pipelines.evaluation.networks.published import DISTANCES, NETWORKS, load_distance, load_published
from ldm_pipelines.evaluation.networks.weights import sha256
from ldm_pipelines.evaluation.outside_spec import Outside
from ldm_pipelines.evaluation.pairs.partners import PartnerImages
from ldm_pipelines.evaluation.provenance import class_balance, describe_network
from ldm_pipelines.evaluation.reference import FACTS, ReferenceSet
from ldm_pipelines.feature_networks.features import PerceptualDistance
from ldm_pipelines.feature_networks.frechet import frechet_distance


def evaluate_outside(spec: Outside, *, workspace: Path, compute: Compute) -> dict[str, Any]:
    """FID with interval and extrapolation, KID, precision, recall, density, coverage; IS where the classes are known.

    Against statistics (``mu`` and ``sigma``) there are FID and, where both have it, sFID; the rest is measured against
    the images that the file also holds, as ADM's reference batches do, or not at all. ``workspace`` holds features
    while they are needed.

    Returns the JSON-able result: ``metrics``, ``details``, ``provenance``.

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
    images = _open(spec.images, spec)
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
    found, reference = _against(made, spec.reference, spec, network, workspace, compute)
    found |= measure_inception_score(made, network, _classes(images), settings)
    if pairs:
        found |= pairs.measured()
    return {
        "kind": "outside",
        "metrics": found.metrics,
        "details": found.details,
        "provenance": {
            "feature_network": describe_network(network),
            "images": _describe(spec.images, images, spec),
            "reference": reference,
            "protocol": {"pixels": "8-bit RGB", **found.protocol},
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
    return PartnerImages(images, _open(spec.truth, spec), _distance(spec.distance, compute), compute.torch_device())


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


def _open(path: Path, spec: Outside) -> ImageSet:
    ours = (path / "samples.json").exists()  # has its size
    size = None if ours else spec.image_size
    return open_images(path, Preprocessing(image_size=size, resize=spec.resize) if size else None)


def _against(
    made: SetFeatures, path: Path, spec: Outside, network: MeasuringNetwork, workspace: Path, compute: Compute
) -> tuple[Measured, dict[str, Any]]:
    """What can be measured against the reference, and what it is."""
    if (path / FACTS).exists():
        reference = ReferenceSet(path)
        reference.check(network)
        return _full(made, reference.features, spec, compute), reference.facts | {"artefact": reference.digest}
    members = _members(path) if path.suffix == ".npz" else set()
    if path.suffix == ".pt" or "mu.npy" in members or (members and "arr_0.npy" not in members):
        return _against_statistics(made, path, "arr_0.npy" in members, spec, network, workspace, compute)
    real = _measure_reference(path, spec, network, workspace, compute)
    return _full(made, real, spec, compute), _describe(path, _open(path, spec), spec)


def _against_statistics(
    made: SetFeatures, path: Path, has_images: bool, spec: Outside, network: MeasuringNetwork, workspace: Path,
    compute: Compute,
) -> tuple[Measured, dict[str, Any]]:  # fmt: skip
    """FID and sFID from the file's moments; the rest from its images, where it has some, as in ADM's batches."""
    statistics = read_statistics(path)
    if statistics.gaussian.mean.shape != made.moments.mean.shape:
        raise InputError(
            f"evaluate.reference: {path} has {len(statistics.gaussian.mean)} dimensions, {network.name} gives "
            f"{len(made.moments.mean)}: they are of another network"
        )
    facts = {"file": path.name, "layout": statistics.layout, "sha256": sha256(path), "count": statistics.count}
    facts |= statistics.provenance
    distances = {"fid": frechet_distance(made.moments, statistics.gaussian)}
    if made.spatial is not None and statistics.spatial is not None:
        distances["sfid"] = frechet_distance(made.spatial, statistics.spatial)
    if not has_images:
        text = "not measured: statistics have no features"
        return Measured(distances, {"precision": text, "kid": text}), facts
    real = _measure_reference(path, spec, network, workspace, compute)
    text = f"against the file's moments; KID, precision, recall, density, coverage against its {len(real)} images"
    found = Measured(distances, {"fid": text}) | measure_kid(made, real, spec.distribution)
    found |= measure_manifolds(made, real, spec.distribution, compute.torch_device())
    return found, facts | {"images": len(real)}


def _measure_reference(
    path: Path, spec: Outside, network: MeasuringNetwork, workspace: Path, compute: Compute
) -> SetFeatures:
    images = _open(path, spec)
    check_size(f"evaluate.reference: {path}", len(images), 2, spec.distribution.neighbours + 1)
    return extract(network, images, workspace / "reference", compute=compute, what=str(path))


def _full(made: SetFeatures, real: SetFeatures, spec: Outside, compute: Compute) -> Measured:
    return (
        measure_distances(made, real, spec.distribution)
        | measure_extrapolation(made, real)
        | measure_manifolds(made, real, spec.distribution, compute.torch_device())
    )


def _members(path: Path) -> set[str]:
    """What an ``.npz`` holds; nothing where it is none, which reading it tells."""
    try:
        with zipfile.ZipFile(path) as archive:
            return set(archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return set()


def _classes(images: ImageSet) -> list[str]:
    return list(images.info.classes) if isinstance(images, SampleSet) else []


def _describe(path: Path, images: ImageSet, spec: Outside) -> dict[str, Any]:
    digest = digest_folder(path) if path.is_dir() else sha256(path)
    resized = spec.image_size is not None and not isinstance(images, SampleSet)
    return {
        "name": path.name,
        "count": len(images),
        "digest": digest,
        "image_size": images.image_size,
        "resize": spec.resize if resized else "as they are",
        "class_balance": class_balance(images.labels),
    }
