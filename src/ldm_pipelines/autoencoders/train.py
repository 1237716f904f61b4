"""From a spec and a dataset to a trained first stage."""

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ldm_pipelines.autoencoders.first_stage import FirstStage
from ldm_pipelines.autoencoders.module import AutoencoderModule, Measurements
from ldm_pipelines.autoencoders.patch_gan import PatchGAN, check_image_size
from ldm_pipelines.autoencoders.spec import Autoencoder, AutoencoderTraining, Objective
from ldm_pipelines.compute import Compute
from ldm_pipelines.data.grids import save_grid
from ldm_pipelines.data.prepared import PreparedDataset
from ldm_pipelines.data.splits import unseen_split
from ldm_pipelines.data.tensors import to_pixels, to_tensor
from ldm_pipelines.errors import InputError
from ldm_pipelines.feature_networks.image_batches import Excerpt, ImageBatches, evenly_spaced
from ldm_pipelines.feature_networks.networks import PerceptualDistance, load_perceptual
from ldm_pipelines.seeding import derive_seed
from ldm_pipelines.training.fit import fit
from ldm_pipelines.training.order import ShuffledShards
from ldm_pipelines.training.ranks import my_share
from ldm_pipelines.training.stream import InOrder

VALIDATION_IMAGES = 1024
"""At most so many while training; the final figures are of the whole split."""
SHOWN = 16
CODEBOOK_IMAGES = 64
"""Training images whose latents become the first codes."""

log = logging.getLogger(__name__)


def train(
    spec: Autoencoder,
    dataset_folder: Path,
    network_folder: Path,
    *,
    seed: int,
    workspace: Path,
    compute: Compute,
    logger: Any = None,
) -> Path:
    """Train ``spec`` on the dataset's training split, with the perceptual network of ``network_folder``.

    Returns ``workspace/artefact``: the ``diffusers`` folder of the model, ``metrics.json`` (validation split, or test
    where that is empty), ``curves.csv``, ``pictures/reconstructions.png`` (inputs over reconstructions). Called
    again after an interruption, it resumes from the state in ``workspace``. The identity is there at once.

    Raises:
        InputError: the architecture does not fit the dataset's images.
    """
    dataset = PreparedDataset(dataset_folder)
    perceptual = load_perceptual(network_folder)
    unseen = ImageBatches(dataset.split(unseen_split(dataset.counts) or "test"))
    if spec.objective is None or spec.training is None:
        first_stage, curves = FirstStage.from_spec(spec), None
    else:
        source = ImageBatches(dataset.split("train"), flip=spec.training.horizontal_flip)
        module = _module(spec, spec.objective, spec.training, dataset, perceptual, seed)
        first_stage = module.first_stage
        if spec.regulariser == "vq" and spec.training.codebook_init == "latents":
            _spread_codebook(first_stage, source, derive_seed(seed, spec.name, "codebook"), compute)
        curves = fit(
            module,
            source,
            steps=spec.training.steps,
            batch_size=spec.training.batch_size,
            workspace=workspace,
            compute=compute,
            logger=logger,
            shards=source.split.shards,
            validation=Excerpt(unseen, VALIDATION_IMAGES),
            validate_every=spec.training.validate_every,
        )
    artefact = workspace / "artefact"
    if not my_share().first:
        return artefact
    shutil.rmtree(artefact, ignore_errors=True)
    (artefact / "pictures").mkdir(parents=True)
    first_stage.save(artefact)
    if curves:
        curves.write(artefact / "curves.csv")
    else:
        (artefact / "curves.csv").write_text("step\n")
    _measure(first_stage, perceptual, unseen, artefact, compute)
    return artefact


def _module(
    spec: Autoencoder,
    objective: Objective,
    recipe: AutoencoderTraining,
    dataset: PreparedDataset,
    perceptual: PerceptualDistance,
    seed: int,
) -> AutoencoderModule:
    """A new first stage and discriminator, ready to be trained."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, spec.name, "weights"))
        first_stage = FirstStage.from_spec(spec, dataset.image_size)
        _check(spec.name, first_stage.factor, objective, dataset)
        discriminator = PatchGAN(objective.disc_channels, objective.disc_num_layers)
    seed = derive_seed(seed, spec.name, "training")
    return AutoencoderModule(objective, recipe, first_stage, discriminator, perceptual, seed)


def _check(name: str, factor: int, objective: Objective, dataset: PreparedDataset) -> None:
    if dataset.image_size % factor:
        raise InputError(
            f"autoencoders.{name}.architecture.block_out_channels: {factor.bit_length()} levels "
            f"divide the image by {factor}, which does not divide the {dataset.image_size} pixels of dataset "
            f"{dataset.name!r}"
        )
    check_image_size(dataset.image_size, objective.disc_num_layers, f"autoencoders.{name}.objective.disc_num_layers")


def _spread_codebook(first_stage: FirstStage, source: ImageBatches, seed: int, compute: Compute) -> None:
    device = compute.torch_device()
    shards = source.split.shards
    if shards is None:
        chosen = evenly_spaced(len(source), CODEBOOK_IMAGES)
    else:  # those of few shards
        chosen = ShuffledShards(shards, seed).take(0, np.arange(min(len(source), CODEBOOK_IMAGES)))
    x = to_tensor(source.pixels(chosen)).to(device)
    first_stage.to(device).spread_codebook(x, torch.Generator().manual_seed(seed))


def _measure(
    first_stage: FirstStage,
    perceptual: PerceptualDistance,
    images: ImageBatches,
    artefact: Path,
    compute: Compute,
) -> None:
    """``metrics.json`` and the picture of reconstructions, from images never trained on."""
    device = compute.torch_device()
    first_stage.to(device).eval()
    perceptual.to(device)
    measurements = Measurements()
    batches = InOrder(images, compute.inference_batch_size)
    for number in range(len(batches)):
        measurements.add(first_stage, perceptual, batches[number]["x"].to(device))
    metrics = {name: round(value, 6) for name, value in measurements.summary().items()}
    (artefact / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")
    log.info("%s on %d unseen images: %s", artefact.parent.name, len(images), metrics)
    shown = images.pixels(evenly_spaced(len(images), SHOWN))
    with torch.no_grad():
        reconstruction = first_stage.reconstruct(to_tensor(shown).to(device), noise=None).x
    tiles = np.concatenate([shown, to_pixels(reconstruction)])
    save_grid(
        artefact / "pictures" / "reconstructions.png", tiles, columns=len(shown), scale=max(1, 64 // tiles.shape[1])
    )
