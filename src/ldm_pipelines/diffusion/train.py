"""Train a latent diffusion model on a latent cache."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ldm_pipelines.autoencoders.first_stage import FirstStage
from ldm_pipelines.compute import Compute
from ldm_pipelines.data.prepared import PreparedDataset
from ldm_pipelines.data.share import WHOLE, Share
from ldm_pipelines.data.splits import unseen_split
from ldm_pipelines.diffusion.conditioners.conditioner import Reader, Surroundings
from ldm_pipelines.diffusion.conditioners.registry import build_conditioner
from ldm_pipelines.diffusion.denoiser import build_denoiser
from ldm_pipelines.diffusion.model import LatentDiffusionModel, ModelInfo
from ldm_pipelines.diffusion.module import LatentDiffusionModule
from ldm_pipelines.diffusion.schedule import ddim_scheduler
from ldm_pipelines.diffusion.spec import LDM
from ldm_pipelines.errors import InputError
from ldm_pipelines.latents.cache import LatentCache, LatentSplit
from ldm_pipelines.seeding import derive_seed
from ldm_pipelines.training.curves import Curves
from ldm_pipelines.training.fit import fit
from ldm_pipelines.training.ranks import my_share
from ldm_pipelines.training.stream import Batch

SNAPSHOTS = "snapshots"
"""Folder of a trained model in which the models of earlier steps lie, by step."""


class ConditionedLatents:
    """Cached moments with the raw conditions of the same images; a ``BatchSource``."""

    def __init__(self, latents: LatentSplit, conditions: Reader) -> None:
        self._latents, self._conditions = latents, conditions

    def __len__(self) -> int:
        return len(self._latents)

    def read(self, indices: NDArray[np.integer], rng: np.random.Generator | None, share: Share = WHOLE) -> Batch:
        """``{"moments": float32 (b, channels, h, w)}`` and what the conditioner's reader gives."""
        moments = torch.from_numpy(self._latents.moments(share.take(indices))).float()
        return {"moments": moments, **self._conditions.read(indices, rng, share)}


def build_module(spec: LDM, cache: LatentCache, dataset: PreparedDataset, seed: int) -> LatentDiffusionModule:
    """A freshly initialised module; the weights are a function of ``seed``.

    Raises:
        InputError: the dataset lacks what the conditioning needs.
    """
    info = cache.info
    surroundings = Surroundings(
        latent_shape=info.latent_shape,
        factor=info.factor,
        classes=info.classes,
        captions=dataset.split("train").captions or (),
        box_classes=dataset.box_classes,
        map_classes=dataset.map_classes,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "conditioner"))
        try:
            conditioner = build_conditioner(spec.conditioning, surroundings)
        except InputError as error:
            raise InputError(f"ldms.{spec.name} on dataset {dataset.name!r}: {error}") from error
        torch.manual_seed(derive_seed(seed, "weights"))
        denoiser = build_denoiser(
            spec.denoiser,
            info.latent_shape,
            context_dim=conditioner.context_dim,
            concat_channels=conditioner.concat_channels,
        )
    return LatentDiffusionModule(spec, info, denoiser, conditioner, ddim_scheduler(spec.schedule), seed)


def train(
    spec: LDM,
    latents_folder: Path,
    dataset_folder: Path,
    autoencoder_folder: Path,
    *,
    seed: int,
    workspace: Path,
    compute: Compute,
    logger: Any = None,
) -> Path:
    """Train the model and return its folder: averaged denoiser, conditioner, schedule, curves and metrics.

    ``snapshots/STEP`` in that folder is the whole model after that step, for each of ``spec.training.snapshots``.
    The dataset gives the conditions of the cached latents; the autoencoder encodes masked images (inpainting).

    Raises:
        InputError: latents and dataset are not of the same images, or the dataset lacks the conditions.
    """
    cache, dataset = LatentCache(latents_folder), PreparedDataset(dataset_folder)
    check_same_images(cache, dataset, f"ldms.{spec.name}: the latents {spec.latent!r}")
    module = build_module(spec, cache, dataset, seed)
    lend_first_stage(module, autoencoder_folder, compute.torch_device())
    unseen = unseen_split(dataset.counts)
    folder = workspace / "artefact"

    def source(split: str) -> ConditionedLatents:
        return ConditionedLatents(cache.split(split), module.conditioner.reader(dataset.split(split)))

    def keep_snapshot() -> None:
        if my_share().first and module.steps_done in spec.training.snapshots:
            _save_whole(_model(module), folder / SNAPSHOTS / str(module.steps_done))

    curves = fit(
        module,
        source("train"),
        steps=spec.training.steps,
        batch_size=spec.training.batch_size,
        workspace=workspace,
        compute=compute,
        logger=logger,
        shards=dataset.split("train").shards if module.conditioner.reads_images else None,
        validation=source(unseen) if unseen else None,
        gradient_clip=spec.training.gradient_clip,
        after_step=keep_snapshot,
    )
    if my_share().first:
        folder.mkdir(exist_ok=True)
        _model(module).save(folder)
        _write_numbers(module, curves, folder)
    return folder


def check_same_images(cache: LatentCache, dataset: PreparedDataset, latents: str) -> None:
    """Raises ``InputError``, which begins with ``latents``, where these are not of the dataset as it is now."""
    if cache.info.dataset.digest != dataset.digest:
        raise InputError(f"{latents} are of another version of dataset {dataset.name!r}; encode them again")


def lend_first_stage(module: LatentDiffusionModule, folder: Path, device: str) -> None:
    """Gives the conditioner the first stage of ``folder`` where it encodes images; others train without one."""
    if module.conditioner.encodes_images:
        module.conditioner.attach(FirstStage.load(folder).to(device), module.cache.scale_factor)


def _write_numbers(module: LatentDiffusionModule, curves: Curves, folder: Path) -> None:
    """``metrics.json`` and ``curves.csv``."""
    training = module.spec.training
    metrics = {
        **curves.last("train_loss", "val_loss"),
        "parameters": sum(p.numel() for p in module.denoiser.parameters()),
        "conditioner_parameters": sum(p.numel() for p in module.conditioner.parameters()),
        "images_seen": training.steps * training.batch_size,
    }
    (folder / "metrics.json").write_text(json.dumps(metrics, indent=2, sort_keys=True) + "\n")
    curves.write(folder / "curves.csv")


def _save_whole(model: LatentDiffusionModel, folder: Path) -> None:
    """Save so that ``folder`` is complete or not there, also after a kill; a resumed step writes the same again."""
    partial = folder.with_name(f".{folder.name}.partial")
    for old in (partial, folder):
        shutil.rmtree(old, ignore_errors=True)
    partial.mkdir(parents=True)
    model.save(partial)
    partial.rename(folder)


def _model(module: LatentDiffusionModule) -> LatentDiffusionModel:
    spec, info = module.spec, module.cache
    return LatentDiffusionModel(
        ModelInfo(
            name=spec.name,
            latent=spec.latent,
            latent_shape=info.latent_shape,
            factor=info.factor,
            scale_factor=info.scale_factor,
            dataset=info.dataset.name,
            conditioning=spec.conditioning.model_dump(mode="json"),
            classes=info.classes,
            autoencoder=info.autoencoder.name,
            autoencoder_digest=info.autoencoder.digest,
        ),
        module.trained_denoiser(),
        module.conditioner,
        ddim_scheduler(spec.schedule),
    )
