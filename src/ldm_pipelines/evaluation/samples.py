"""Measure a set of samples against real images, and where it has conditions, against what was asked for."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ldm_pipelines.compute import Compute
from ldm_pipelines.data.prepared import PreparedDataset
from ldm_pipelines.digests import digest_folder
from ldm_pipelines.errors import InputError
from ldm_pipelines.evaluation.arithmetic import FLOAT32
from ldm_pipelines.evaluation.classes import measure_accuracy
from ldm_pipelines.evaluation.distributions import (
    measure_distances,
    measure_extrapolation,
    measure_inception_score,
    measure_manifolds,
)
from ldm_pipelines.evaluation.features import SetFeatures, extract
from ldm_pipelines.evaluation.images.sample_sets import SampleSet
from ldm_pipelines.evaluation.measured import Measured, check_size
from ldm_pipelines.evaluation.networks.artefacts import open_distance, open_network
from ldm_pipelines.evaluation.pairs.restoration import BINS, RESTORATION, RestoredImages, bins_of
from ldm_pipelines.evaluation.pairs.truth import find_truth
from ldm_pipelines.evaluation.provenance import class_balance, describe_network
from ldm_pipelines.evaluation.reference import ReferenceSet
from ldm_pipelines.evaluation.scenes.obedience import KINDS, ReadImages, readable
from ldm_pipelines.evaluation.spec import Evaluation
from ldm_pipelines.feature_networks.frechet import frechet_distance, gaussian


def evaluate_samples(
    spec: Evaluation,
    samples_folder: Path,
    reference_folder: Path,
    dataset_folder: Path,
    network_folder: Path,
    perceptual_folder: Path,
    *,
    workspace: Path,
    compute: Compute,
) -> dict[str, Any]:
    """Every metric of a sample set; each sample is decoded once.

    FID with interval and extrapolation, KID, sFID, precision, recall, density, coverage; where classes mean something,
    Inception Score and accuracy; what fits the condition. Captions, layouts and maps of scenes: how far the samples
    obey. Restored images: distances to the true ones. Both need the dataset that the conditions are of; the result's
    ``protocol`` says where that is another. ``is`` is left out where the network's classes are neither ImageNet's nor
    the dataset's, ``accuracy`` where they are not the samples'.

    ``workspace`` holds the features while they are needed.

    Returns the JSON-able result: ``kind``, ``name``, ``metrics`` (name -> number), ``details`` (intervals, curves,
    figures by class) and ``provenance``.

    Raises:
        InputError: the sample set is unreadable, too small for the metrics, of another size than the dataset, or has
            conditions that are not the dataset's; the reference is of another network or another dataset.
    """
    dataset = PreparedDataset(dataset_folder)
    samples = SampleSet(samples_folder)
    reference = ReferenceSet(reference_folder)
    network = open_network(network_folder, compute)
    reference.check(network)
    if reference.facts["digest"] != dataset.digest:
        raise InputError(
            f"evaluation {spec.name!r}: reference {spec.reference!r} is of another version of {dataset.name!r}; run "
            f"`kedro run --pipelines=evaluate_reference.{spec.reference}` again"
        )
    if samples.info.image_size != dataset.image_size:
        raise InputError(
            f"evaluation {spec.name!r}: samples of {samples.info.image_size} pixels cannot be measured against "
            f"{dataset.name!r} of {dataset.image_size} pixels"
        )
    settings = spec.distribution
    fewest = settings.neighbours + 1
    check_size(f"evaluation {spec.name!r}: samples {spec.samples!r}", len(samples), 2, fewest, settings.is_splits)
    check_size(f"evaluation {spec.name!r}: reference {spec.reference!r}", len(reference.features), 2, fewest)

    condition = _against_conditions(samples, dataset, perceptual_folder, compute)
    onlookers = [] if isinstance(condition, Measured) else [condition]
    made = extract(
        network, samples, workspace / "features", compute=compute, what=f"samples {spec.samples}", onlookers=onlookers
    )
    found = (
        measure_distances(made, reference.features, settings, progress=compute.progress)
        | measure_extrapolation(made, reference.features.moments, progress=compute.progress)
        | measure_inception_score(made, network, dataset.classes, settings)
        | measure_manifolds(made, reference.features, settings, compute.torch_device())
        | measure_accuracy(made, samples.labels, list(samples.info.classes), network)
        | (condition if isinstance(condition, Measured) else condition.measured())
    )
    if isinstance(condition, RestoredImages) and (areas := condition.masked_part()) is not None:
        found |= _fid_by_masked_part(found.details["by_masked_part"], areas, made, reference)
    return {
        "kind": "samples",
        "name": spec.name,
        "metrics": found.metrics,
        "details": found.details,
        "provenance": {
            "feature_network": describe_network(network),
            **({"perceptual_network": condition.network} if isinstance(condition, RestoredImages) else {}),
            "reference": reference.facts | {"artefact": reference.digest},
            "samples": samples.info.provenance()
            | {"digest": digest_folder(samples_folder), "class_balance": class_balance(samples.labels)},
            "protocol": {"pixels": "8-bit RGB", "arithmetic": FLOAT32, **found.protocol},
        },
    }


def _fid_by_masked_part(
    parts: list[dict[str, float]], areas: NDArray[np.float64], made: SetFeatures, reference: ReferenceSet
) -> Measured:
    """FID of each tenth's images against the whole reference (Table 7: 40-50 % masked), where there are two or more."""
    tenths = bins_of(areas)
    fids = {
        part["from"]: frechet_distance(
            reference.features.moments, gaussian(made.pool[tenths == round(part["from"] * BINS)])
        )
        for part in parts
        if part["images"] > 1
    }
    added = [part | ({"fid": fids[part["from"]]} if part["from"] in fids else {}) for part in parts]
    return Measured(details={"by_masked_part": added})


def _against_conditions(
    samples: SampleSet, dataset: PreparedDataset, perceptual_folder: Path, compute: Compute
) -> RestoredImages | ReadImages | Measured:
    """What compares samples with their conditions; a finished ``Measured`` where nothing does, and why."""
    kind = samples.info.condition_kind
    if kind not in KINDS and kind not in RESTORATION:
        return Measured()  # unconditional and class-conditional samples
    what = "obedience" if kind in KINDS else "pairs"
    if samples.info.dataset != dataset.name:
        owner = f"{samples.info.dataset!r}" if samples.info.dataset else "a dataset that samples.json does not name"
        return Measured(protocol={what: f"not measured: the conditions are of {owner}, not of {dataset.name!r}"})
    truth = find_truth(samples, dataset)
    if kind in RESTORATION:
        return RestoredImages(samples, truth, open_distance(perceptual_folder, compute), compute=compute)
    if not readable(truth):
        return Measured(protocol={what: f"not measured: a program can read scenes only, not {dataset.name!r}"})
    return ReadImages(truth, kind)
