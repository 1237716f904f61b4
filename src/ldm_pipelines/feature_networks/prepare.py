"""From a spec to a feature network's artefact folder."""

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ldm_pipelines.compute import Compute
from ldm_pipelines.data.grids import save_grid
from ldm_pipelines.data.prepared import PreparedDataset
from ldm_pipelines.errors import InputError
from ldm_pipelines.feature_networks.classifier import ClassifierNetwork
from ldm_pipelines.feature_networks.image_batches import ImageBatches, unseen_split
from ldm_pipelines.feature_networks.module import ClassifierModule, predict
from ldm_pipelines.feature_networks.networks import save_network
from ldm_pipelines.feature_networks.spec import Classifier, Lpips
from ldm_pipelines.seeding import derive_seed
from ldm_pipelines.training.fit import fit
from ldm_pipelines.training.stream import InOrder

SHOWN_MISTAKES = 24

log = logging.getLogger(__name__)


def prepare(
    spec: Classifier | Lpips,
    dataset_folder: Path | None,
    *,
    seed: int,
    workspace: Path,
    compute: Compute,
    logger: Any = None,
) -> Path:
    """Train the classifier on ``dataset_folder``, or assemble LPIPS from the published weights (no dataset).

    Returns ``workspace/artefact``: ``config.json``, ``model.safetensors``, ``metrics.json``; for a classifier also
    ``curves.csv`` and its mistakes in ``pictures/mistakes.png``, if it makes any.

    Raises:
        InputError: the dataset has no usable labels, or a published weights file is missing.
    """
    if isinstance(spec, Lpips):
        return _prepare_lpips(spec, workspace, compute)
    if dataset_folder is None:
        raise InputError(f"feature_networks.{spec.name} is a classifier and needs a dataset")
    return _train_classifier(spec, PreparedDataset(dataset_folder), seed, workspace, compute, logger)


def _prepare_lpips(spec: Lpips, workspace: Path, compute: Compute) -> Path:
    from ldm_pipelines.feature_networks.lpips_network import assemble

    network = assemble(spec.name, spec.net, compute.weights_dir)
    artefact = _fresh(workspace)
    save_network(network, artefact)
    (artefact / "curves.csv").write_text("step\n")  # nothing was trained
    _write_metrics(artefact, {"parameters": sum(p.numel() for p in network.parameters())})
    return artefact


def _train_classifier(
    spec: Classifier, dataset: PreparedDataset, seed: int, workspace: Path, compute: Compute, logger: Any
) -> Path:
    _check(spec, dataset)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, spec.name, "weights"))
        network = ClassifierNetwork(spec.name, spec.channels, dataset.classes)
    source = ImageBatches(dataset.split("train"), max_shift=spec.training.max_shift)
    module = ClassifierModule(network, spec.training, derive_seed(seed, spec.name, "training"))
    curves = fit(
        module,
        source,
        steps=spec.training.steps,
        batch_size=spec.training.batch_size,
        workspace=workspace,
        compute=compute,
        logger=logger,
    )
    artefact = _fresh(workspace)
    save_network(network, artefact)
    curves.write(artefact / "curves.csv")
    _write_metrics(artefact, _measure(network, dataset, artefact, compute))
    return artefact


def _check(spec: Classifier, dataset: PreparedDataset) -> None:
    if len(dataset.classes) < 2:
        raise InputError(
            f"feature_networks.{spec.name}: a classifier needs two classes or more, dataset {dataset.name!r} has "
            f"{len(dataset.classes)}; label its images, or use a feature network of kind 'lpips'"
        )
    unlabelled = int((dataset.split("train").labels < 0).sum())
    if unlabelled:
        raise InputError(
            f"feature_networks.{spec.name}: {unlabelled} training images of dataset {dataset.name!r} have no label; "
            "label or remove them"
        )
    halvings = len(spec.channels) - 1
    if dataset.image_size < 2**halvings:
        raise InputError(
            f"feature_networks.{spec.name}.channels: {len(spec.channels)} stages halve the image {halvings} times, "
            f"which {dataset.image_size} pixels do not allow; name fewer channels"
        )


def _measure(
    network: ClassifierNetwork, dataset: PreparedDataset, artefact: Path, compute: Compute
) -> dict[str, float]:
    """Accuracy on images never trained on; the first mistakes as a picture, captioned ``truth > prediction``."""
    name = unseen_split(dataset)
    source = ImageBatches(dataset.split(name))
    device = compute.torch_device()
    predicted = predict(network.to(device), InOrder(source, compute.inference_batch_size), device).numpy()
    truth = source.split.labels
    labelled = truth >= 0
    correct = predicted == truth
    wrong = np.flatnonzero(labelled & ~correct)
    if len(wrong):
        shown = wrong[:SHOWN_MISTAKES]
        captions = [f"{dataset.classes[truth[i]]} > {dataset.classes[predicted[i]]}" for i in shown]
        save_grid(artefact / "pictures" / "mistakes.png", source.pixels(shown), columns=8, captions=captions, scale=2)
    accuracy = float(correct[labelled].mean())
    log.info("%s: accuracy %.4f on %d images of split %s", network.name, accuracy, labelled.sum(), name)
    return {"accuracy": round(accuracy, 6), f"{name}_images": int(labelled.sum())}


def _fresh(workspace: Path) -> Path:
    artefact = workspace / "artefact"
    shutil.rmtree(artefact, ignore_errors=True)
    artefact.mkdir(parents=True)
    return artefact


def _write_metrics(artefact: Path, metrics: dict[str, float]) -> None:
    (artefact / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")
