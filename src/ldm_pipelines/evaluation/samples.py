"""Measure a set of samples against real images."""

from pathlib import Path
from typing import Any

import torch

from ldm_pipelines.compute import Compute
from ldm_pipelines.data.prepared import PreparedDataset
from ldm_pipelines.digests import digest_folder
from ldm_pipelines.errors import InputError
from ldm_pipelines.evaluation.features import ImageFeatures, extract
from ldm_pipelines.evaluation.image_sets import SampleSet, check_size
from ldm_pipelines.evaluation.inception_score import inception_score
from ldm_pipelines.evaluation.precision_recall import precision_recall
from ldm_pipelines.evaluation.provenance import class_balance, describe_network, describe_reference
from ldm_pipelines.evaluation.spec import Evaluation
from ldm_pipelines.feature_networks.frechet import frechet_distance, gaussian
from ldm_pipelines.feature_networks.networks import load_network


def evaluate_samples(
    spec: Evaluation, samples_folder: Path, dataset_folder: Path, network_folder: Path, *, compute: Compute
) -> dict[str, Any]:
    """FID, Inception Score, precision, recall, and how often an image shows the class that was asked for.

    Returns the JSON-able result: ``kind``, ``name``, ``metrics`` (name -> number) and ``provenance``. ``accuracy`` is
    left out where the network's classes are not those of the samples.

    Raises:
        InputError: the sample set is unreadable, too small for the metrics, or of another size than the dataset.
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

    made = extract(network, samples, compute=compute, what=f"samples {spec.samples}")
    real = extract(network, reference, compute=compute, what=f"{spec.dataset}/{spec.split}")
    metrics = _distribution_metrics(made, real, spec, compute.torch_device())
    accuracy = made.accuracy()
    if accuracy is not None and network.config.get("classes") == list(samples.info.classes):
        metrics["accuracy"] = accuracy
    return {
        "kind": "samples",
        "name": spec.name,
        "metrics": metrics,
        "provenance": {
            "feature_network": describe_network(network),
            "reference": describe_reference(dataset, spec.split, len(reference)),
            "samples": samples.info.provenance()
            | {"digest": digest_folder(samples_folder), "class_balance": class_balance(samples.labels)},
            "protocol": {
                "fid": "unbiased covariances, eigenvalue route",
                "is_splits": spec.is_splits,
                "is_order": "permuted as by torch-fidelity, seed 2020",
                "neighbours": spec.neighbours,
                "pixels": "8-bit RGB",
            },
        },
    }


def _distribution_metrics(made: ImageFeatures, real: ImageFeatures, spec: Evaluation, device: str) -> dict[str, float]:
    score = inception_score(made.logits, spec.is_splits)
    manifolds = precision_recall(
        torch.from_numpy(made.pool).to(device), torch.from_numpy(real.pool).to(device), spec.neighbours
    )
    return {
        "fid": frechet_distance(gaussian(made.pool), gaussian(real.pool)),
        "is": score.mean,
        "is_std": score.std,
        "precision": manifolds.precision,
        "recall": manifolds.recall,
    }
