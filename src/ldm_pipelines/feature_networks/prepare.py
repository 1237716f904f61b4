"""From a spec to a feature network's artefact folder."""

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ldm_pipelines.compute import Compute
from ldm_pipelines.data.grids import save_grid
from ldm_pipelines.data.prepared import ImageSplit, PreparedDataset
from ldm_pipelines.data.splits import unseen_split
from ldm_pipelines.errors import InputError
from ldm_pipelines.feature_networks.classifier import ClassifierNetwork, RotationNetwork
from ldm_pipelines.feature_networks.image_batches import ImageBatches
from ldm_pipelines.feature_networks.module import ClassifierModule, predict
from ldm_pipelines.feature_networks.networks import save_network
from ldm_pipelines.feature_networks.spec import Classifier, Lpips, Rotation
from ldm_pipelines.feature_networks.turned_images import TURNS, TurnedImages
from ldm_pipelines.seeding import derive_seed
from ldm_pipelines.training.fit import fit
from ldm_pipelines.training.ranks import my_share
from ldm_pipelines.training.stream import InOrder

SHOWN_MISTAKES = 24

log = logging.getLogger(__name__)


def prepare(
    spec: Classifier | Rotation | Lpips,
    dataset_folder: Path | None,
    *,
    seed: int,
    workspace: Path,
    compute: Compute,
    logger: Any = None,
) -> Path:
    """Train the network on ``dataset_folder``, or assemble LPIPS from the published weights (no dataset).

    Returns ``workspace/artefact``: ``config.json``, ``model.safetensors``, ``metrics.json``; for a trained network also
    ``curves.csv`` and its mistakes in ``pictures/mistakes.png``, if it makes any.

    Raises:
        InputError: the dataset has no usable labels, or a published weights file is missing.
    """
    if isinstance(spec, Lpips):
        return _prepare_lpips(spec, workspace, compute)
    if dataset_folder is None:
        raise InputError(f"feature_networks.{spec.name} is a {spec.kind} network and needs a dataset")
    return _train(spec, PreparedDataset(dataset_folder), seed, workspace, compute, logger)


def _prepare_lpips(spec: Lpips, workspace: Path, compute: Compute) -> Path:
    from ldm_pipelines.feature_networks.lpips_network import assemble

    network = assemble(spec.name, spec.net, compute.weights_dir)
    artefact = _fresh(workspace)
    save_network(network, artefact)
    (artefact / "curves.csv").write_text("step\n")  # nothing was trained
    _write_metrics(artefact, {"parameters": sum(p.numel() for p in network.parameters())})
    return artefact


def _train(
    spec: Classifier | Rotation, dataset: PreparedDataset, seed: int, workspace: Path, compute: Compute, logger: Any
) -> Path:
    _check(spec, dataset)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, spec.name, "weights"))
        network = _build(spec, dataset)
    module = ClassifierModule(network, spec.training, derive_seed(seed, spec.name, "training"))
    split = dataset.split("train")
    curves = fit(
        module,
        _images(spec, split, max_shift=spec.training.max_shift),
        steps=spec.training.steps,
        batch_size=spec.training.batch_size,
        workspace=workspace,
        compute=compute,
        logger=logger,
        shards=split.shards,
    )
    if not my_share().first:
        return workspace / "artefact"
    artefact = _fresh(workspace)
    save_network(network, artefact)
    curves.write(artefact / "curves.csv")
    _write_metrics(artefact, _measure(spec, network, dataset, artefact, compute))
    return artefact


def _build(spec: Classifier | Rotation, dataset: PreparedDataset) -> ClassifierNetwork:
    if spec.kind == "rotation":
        return RotationNetwork(spec.name, spec.channels, TURNS)
    return ClassifierNetwork(spec.name, spec.channels, dataset.classes)


def _images(spec: Classifier | Rotation, split: ImageSplit, max_shift: int = 0) -> ImageBatches | TurnedImages:
    """What the network learns to tell apart: images and their classes, or images and their turns."""
    images = ImageBatches(split, max_shift=max_shift)
    return TurnedImages(images) if spec.kind == "rotation" else images


def _check(spec: Classifier | Rotation, dataset: PreparedDataset) -> None:
    halvings = len(spec.channels) - 1
    if dataset.image_size < 2**halvings:
        raise InputError(
            f"feature_networks.{spec.name}.channels: {len(spec.channels)} stages halve the image {halvings} times, "
            f"which {dataset.image_size} pixels do not allow; name fewer channels"
        )
    if spec.kind == "rotation":
        return
    if len(dataset.classes) < 2:
        raise InputError(
            f"feature_networks.{spec.name}: a classifier needs two classes or more, dataset {dataset.name!r} has "
            f"{len(dataset.classes)}; label its images, or use a feature network of kind 'rotation' or 'lpips'"
        )
    unlabelled = int((dataset.split("train").labels < 0).sum())
    if unlabelled:
        raise InputError(
            f"feature_networks.{spec.name}: {unlabelled} training images of dataset {dataset.name!r} have no label; "
            "label or remove them, or use a feature network of kind 'rotation'"
        )


def _measure(
    spec: Classifier | Rotation,
    network: ClassifierNetwork,
    dataset: PreparedDataset,
    artefact: Path,
    compute: Compute,
) -> dict[str, float]:
    """Accuracy on images never trained on; the first mistakes as a picture, captioned ``truth > prediction``.

    Images without a class count as little as those of classes without a training image (a dataset may be split so).
    """
    name = unseen_split(dataset.counts) or "test"
    source = _images(spec, dataset.split(name))
    learned = range(len(TURNS)) if spec.kind == "rotation" else dataset.split("train").labels
    truth = source.labels
    known = np.isin(truth, np.unique(learned))
    if not known.any():
        log.warning("%s: split %s has no image of a class that was trained on: no accuracy", spec.name, name)
        return {f"{name}_images": 0}
    device = compute.torch_device()
    predicted = predict(network.to(device), InOrder(source, compute.inference_batch_size), device).numpy()
    correct = predicted == truth
    _show_mistakes(network, source, predicted, np.flatnonzero(known & ~correct)[:SHOWN_MISTAKES], artefact)
    accuracy = float(correct[known].mean())
    images = int(known.sum()) * len(source) // len(truth)
    log.info("%s: accuracy %.4f on %d images of split %s", spec.name, accuracy, images, name)
    return {"accuracy": round(accuracy, 6), f"{name}_images": images}


def _show_mistakes(
    network: ClassifierNetwork,
    source: ImageBatches | TurnedImages,
    predicted: NDArray[np.int64],
    wrong: NDArray[np.int64],
    artefact: Path,
) -> None:
    if len(wrong):
        captions = [f"{network.classes[source.labels[i]]} > {network.classes[predicted[i]]}" for i in wrong]
        save_grid(artefact / "pictures" / "mistakes.png", source.pixels(wrong), columns=8, captions=captions, scale=2)


def _fresh(workspace: Path) -> Path:
    artefact = workspace / "artefact"
    shutil.rmtree(artefact, ignore_errors=True)
    artefact.mkdir(parents=True)
    return artefact


def _write_metrics(artefact: Path, metrics: dict[str, float]) -> None:
    (artefact / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")
