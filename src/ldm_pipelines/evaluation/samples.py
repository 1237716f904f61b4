"""Measure a set of samples against real images, and where it has conditions, against what was asked for."""

from pathlib import Path
from typing import Any

import torch

from ldm_pipelines.compute import Compute
from ldm_pipelines.data.prepared import PreparedDataset
from ldm_pipelines.digests import digest_folder
from ldm_pipelines.errors import InputError
from ldm_pipelines.evaluation.conditions import find_truth
from ldm_pipelines.evaluation.features import extract
from ldm_pipelines.evaluation.image_sets import SampleSet, check_size
from ldm_pipelines.evaluation.measured import Measured, measure_inception_score
from ldm_pipelines.evaluation.obedience import KINDS, measure_obedience, readable
from ldm_pipelines.evaluation.precision_recall import precision_recall
from ldm_pipelines.evaluation.provenance import class_balance, describe_network, describe_reference
from ldm_pipelines.evaluation.restoration import RESTORATION, measure_restoration
from ldm_pipelines.evaluation.spec import Evaluation
from ldm_pipelines.feature_networks.features import FeatureNetwork
from ldm_pipelines.feature_networks.frechet import frechet_distance, gaussian
from ldm_pipelines.feature_networks.networks import load_network


def evaluate_samples(
    spec: Evaluation, samples_folder: Path, dataset_folder: Path, network_folder: Path, *, compute: Compute
) -> dict[str, Any]:
    """FID, precision and recall; where classes mean something, Inception Score and accuracy; what fits the condition.

    Captions, layouts and maps of scenes: how far the samples obey. Restored images: distances to the true ones. Both
    need the dataset that the conditions are of; the result's ``protocol`` says where that is another. ``is`` is left
    out where the network's classes are not the dataset's, ``accuracy`` where they are not the samples'.

    Returns the JSON-able result: ``kind``, ``name``, ``metrics`` (name -> number) and ``provenance``.

    Raises:
        InputError: the sample set is unreadable, too small for the metrics, of another size than the dataset, or has
            conditions that are not the dataset's.
    """
    dataset = PreparedDataset(dataset_folder)
    samples = SampleSet(samples_folder)
    reference = dataset.split(spec.split)
    network = load_network(network_folder)
    if samples.info.image_size != dataset.image_size:
        raise InputError(
            f"evaluation {spec.name!r}: samples of {samples.info.image_size} pixels cannot be measured against "
            f"{dataset.name!r} of {dataset.image_size} pixels"
        )
    check_size(spec.name, f"samples {spec.samples!r}", len(samples), spec.neighbours + 1, spec.is_splits)
    check_size(spec.name, f"split {spec.split!r} of {spec.dataset!r}", len(reference), spec.neighbours + 1)

    device = compute.torch_device()
    given = _against_conditions(samples, dataset, network, compute)
    made = extract(network, samples, compute=compute, what=f"samples {spec.samples}")
    real = extract(network, reference, compute=compute, what=f"{spec.dataset}/{spec.split}")
    score = measure_inception_score(made, network, dataset, spec.is_splits, "is")
    points, real_points = (torch.from_numpy(features.pool).to(device) for features in (made, real))
    manifolds = precision_recall(points, real_points, spec.neighbours)
    accuracy = made.accuracy() if network.config.get("classes") == list(samples.info.classes) else None
    return {
        "kind": "samples",
        "name": spec.name,
        "metrics": {
            "fid": frechet_distance(gaussian(made.pool), gaussian(real.pool)),
            **score.metrics,
            "precision": manifolds.precision,
            "recall": manifolds.recall,
            **({} if accuracy is None else {"accuracy": accuracy}),
            **given.metrics,
        },
        "provenance": {
            "feature_network": describe_network(network),
            "reference": describe_reference(dataset, spec.split, len(reference)),
            "samples": samples.info.provenance()
            | {"digest": digest_folder(samples_folder), "class_balance": class_balance(samples.labels)},
            "protocol": {
                "fid": "unbiased covariances, eigenvalue route",
                **score.protocol,
                "neighbours": spec.neighbours,
                "pixels": "8-bit RGB",
                **given.protocol,
            },
        },
    }


def _against_conditions(
    samples: SampleSet, dataset: PreparedDataset, network: FeatureNetwork, compute: Compute
) -> Measured:
    """Nothing for unconditional and class-conditional samples."""
    kind = samples.info.condition_kind
    if kind not in KINDS and kind not in RESTORATION:
        return Measured()
    what = "obedience" if kind in KINDS else "pairs"
    if samples.info.dataset != dataset.name:
        owner = f"{samples.info.dataset!r}" if samples.info.dataset else "a dataset that samples.json does not name"
        return Measured(protocol={what: f"not measured: the conditions are of {owner}, not of {dataset.name!r}"})
    truth = find_truth(samples, dataset)
    if kind in RESTORATION:
        return measure_restoration(samples, truth, network, compute=compute)
    if not readable(truth):
        return Measured(protocol={what: f"not measured: a program can read scenes only, not {dataset.name!r}"})
    return Measured(
        measure_obedience(samples, truth, kind, compute=compute),
        {what: f"shapes read by a program; _of_truth: on the images of {dataset.name}/{samples.info.split} themselves"},
    )
