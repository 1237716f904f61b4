"""Train a latent diffusion model on a latent cache."""

import json
from pathlib import Path
from typing import Any

import torch

from ldm_pipelines.compute import Compute
from ldm_pipelines.diffusion.conditioning import ClassConditioner
from ldm_pipelines.diffusion.denoiser import build_denoiser
from ldm_pipelines.diffusion.model import LatentDiffusionModel, ModelInfo
from ldm_pipelines.diffusion.module import LatentDiffusionModule
from ldm_pipelines.diffusion.schedule import ddim_scheduler
from ldm_pipelines.diffusion.spec import LDM
from ldm_pipelines.errors import InputError
from ldm_pipelines.latents.cache import LatentCache
from ldm_pipelines.seeding import derive_seed
from ldm_pipelines.training.fit import fit

VALIDATIONS = 10


def build_module(spec: LDM, cache: LatentCache, seed: int) -> LatentDiffusionModule:
    """A freshly initialised module; the weights are a function of ``seed``."""
    if not cache.info.classes:
        raise InputError(
            f"ldms.{spec.name}: class conditioning needs labels; dataset {cache.info.dataset.name!r} has none"
        )
    unlabelled = int((cache.index["label"] < 0).sum())
    if unlabelled:
        raise InputError(
            f"ldms.{spec.name}: class conditioning needs a class for every image; {unlabelled} of dataset "
            f"{cache.info.dataset.name!r} have none (images outside a class folder, or without a label)"
        )
    with torch.random.fork_rng():
        torch.manual_seed(derive_seed(seed, "weights"))
        denoiser = build_denoiser(spec.denoiser, cache.info.latent_shape, spec.conditioning.dim)
        conditioner = ClassConditioner(len(cache.info.classes), spec.conditioning.dim)
    return LatentDiffusionModule(spec, cache.info, denoiser, conditioner, ddim_scheduler(spec.schedule), seed)


def train(spec: LDM, latents_folder: Path, *, seed: int, workspace: Path, compute: Compute, logger: Any = None) -> Path:
    """Train the model and return its folder: averaged denoiser, conditioner, schedule, curves and metrics."""
    cache = LatentCache(latents_folder)
    module = build_module(spec, cache, seed)
    held_out = [s for s in ("validation", "test") if s in set(cache.index["split"])]
    curves = fit(
        module,
        cache.split("train"),
        steps=spec.training.steps,
        batch_size=spec.training.batch_size,
        workspace=workspace,
        compute=compute,
        logger=logger,
        validation=cache.split(held_out[0]) if held_out else None,
        validate_every=max(1, spec.training.steps // VALIDATIONS) if held_out else None,
        gradient_clip=spec.training.gradient_clip,
    )
    folder = workspace / "artefact"
    folder.mkdir(exist_ok=True)
    info = cache.info
    model = LatentDiffusionModel(
        ModelInfo(
            name=spec.name,
            latent=spec.latent,
            latent_shape=info.latent_shape,
            factor=info.factor,
            scale_factor=info.scale_factor,
            classes=info.classes,
            autoencoder=info.autoencoder.name,
            autoencoder_digest=info.autoencoder.digest,
        ),
        module.trained_denoiser(),
        module.conditioner,
        ddim_scheduler(spec.schedule),
    )
    model.save(folder)
    metrics = {
        "train_loss": curves.last("train_loss"),
        "parameters": sum(p.numel() for p in module.denoiser.parameters()),
        "images_seen": spec.training.steps * spec.training.batch_size,
    }
    if held_out:
        metrics["val_loss"] = curves.last("val_loss")
    (folder / "metrics.json").write_text(json.dumps(metrics, indent=2, sort_keys=True) + "\n")
    curves.write(folder / "curves.csv")
    return folder
