"""Train a classifier on noisy latents of a cache."""

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ldm_pipelines.compute import Compute
from ldm_pipelines.data.splits import unseen_split
from ldm_pipelines.diffusion.image_noise import ImageNoise
from ldm_pipelines.diffusion.latent_classifier import ClassifierInfo, LatentClassifierNetwork
from ldm_pipelines.diffusion.latent_classifier_spec import LatentClassifier, LatentClassifierTraining
from ldm_pipelines.diffusion.schedule import ddim_scheduler, noised
from ldm_pipelines.errors import InputError
from ldm_pipelines.latents.cache import CacheInfo, LatentCache, LatentSplit, draw_latents
from ldm_pipelines.seeding import derive_seed
from ldm_pipelines.training.draws import Draws
from ldm_pipelines.training.fit import fit
from ldm_pipelines.training.module import TrainingModule
from ldm_pipelines.training.ranks import my_share
from ldm_pipelines.training.stream import Batch, InOrder

NOISE_LEVELS = 4
"""Accuracy is measured at so many time steps, evenly spaced from 0."""


class LatentClassifierModule(TrainingModule):
    """Cross-entropy on z_t with t uniform; AdamW, the rate falls linearly to zero."""

    def __init__(
        self, network: LatentClassifierNetwork, cache: CacheInfo, training: LatentClassifierTraining, seed: int
    ) -> None:
        super().__init__(seed)
        self.network, self.cache, self.training_spec = network, cache, training
        alphas_cumprod = ddim_scheduler(network.info.schedule).alphas_cumprod.clone()
        self.register_buffer("alphas_cumprod", alphas_cumprod, persistent=False)
        self.alphas_cumprod: Tensor

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        loss, accuracy = self._score(batch, self.draws("draws"))
        self.record(len(batch["label"]), train_loss=loss, train_accuracy=accuracy)
        return self.check_finite(loss)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """With the same noise and time steps at every validation."""
        loss, accuracy = self._score(batch, Draws(torch.Generator(self.device).manual_seed(batch_idx)))
        self.record(len(batch["label"]), val_loss=loss, val_accuracy=accuracy)

    def _score(self, batch: Batch, draws: Draws) -> tuple[Tensor, Tensor]:
        moments, labels = batch["moments"], batch["label"]
        z = draw_latents(moments, self.cache, draws.normal(len(moments), *self.cache.latent_shape))
        t = draws.integers(len(self.alphas_cumprod), len(z))
        z_t = noised(z, self.alphas_cumprod[t], draws.normal(*z.shape))
        logits = self.network(z_t, t)
        return functional.cross_entropy(logits, labels), (logits.argmax(dim=1) == labels).float().mean()

    def learning_rate(self, step: int) -> float:
        return self.training_spec.learning_rate * (1 - step / self.training_spec.steps)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        training = self.training_spec
        return torch.optim.AdamW(
            self.network.parameters(), lr=training.learning_rate, weight_decay=training.weight_decay
        )


def train_latent_classifier(
    spec: LatentClassifier, latents_folder: Path, *, seed: int, workspace: Path, compute: Compute, logger: Any = None
) -> Path:
    """Train the classifier and return its folder: ``config.json``, weights, ``metrics.json`` and ``curves.csv``.

    Raises:
        InputError: the latents have fewer than two classes, or some have none.
    """
    cache = LatentCache(latents_folder)
    network = _new_network(spec, cache, seed)
    unseen = unseen_split(cache.counts)
    module = LatentClassifierModule(network, cache.info, spec.training, seed)
    curves = fit(
        module,
        cache.split("train"),
        steps=spec.training.steps,
        batch_size=spec.training.batch_size,
        workspace=workspace,
        compute=compute,
        logger=logger,
        validation=cache.split(unseen) if unseen else None,
    )
    folder = workspace / "artefact"
    if not my_share().first:
        return folder
    folder.mkdir(exist_ok=True)
    network.save(folder)
    metrics = {
        **curves.last("train_loss", "val_loss"),
        "parameters": sum(p.numel() for p in network.parameters()),
    }
    if unseen:
        metrics |= _measure(network, cache.split(unseen), cache.info, compute)
    (folder / "metrics.json").write_text(json.dumps(metrics, indent=2, sort_keys=True) + "\n")
    curves.write(folder / "curves.csv")
    return folder


def _new_network(spec: LatentClassifier, cache: LatentCache, seed: int) -> LatentClassifierNetwork:
    info = cache.info
    unlabelled = int((cache.index["label"] < 0).sum())
    if len(info.classes) < 2 or unlabelled:
        raise InputError(
            f"latent_classifiers.{spec.name}: a classifier needs two classes or more and a class for every image; "
            f"dataset {info.dataset.name!r} has {len(info.classes)} classes and {unlabelled} images without one"
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "weights"))
        return LatentClassifierNetwork(
            ClassifierInfo(
                name=spec.name,
                latent=spec.latent,
                latent_shape=info.latent_shape,
                scale_factor=info.scale_factor,
                classes=info.classes,
                autoencoder_digest=info.autoencoder.digest,
                schedule=spec.schedule,
                unet=spec.unet,
            )
        )


@torch.no_grad()
def _measure(
    network: LatentClassifierNetwork, split: LatentSplit, cache: CacheInfo, compute: Compute
) -> dict[str, float]:
    """Accuracy on latents never trained on, by time step, and the mean over these levels.

    The noise of an image is a function of its place in the split, so batches don't matter.
    """
    device = compute.torch_device()
    network = network.to(device).eval()
    alphas_cumprod = ddim_scheduler(network.info.schedule).alphas_cumprod
    levels = [len(alphas_cumprod) * level // NOISE_LEVELS for level in range(NOISE_LEVELS)]
    correct = dict.fromkeys(levels, 0)
    batches, first = InOrder(split, compute.inference_batch_size), 0
    for number in range(len(batches)):
        batch = batches[number]
        seeds = [derive_seed(0, "noise", index) for index in range(first, first + len(batch["label"]))]
        first += len(seeds)
        draw = ImageNoise(seeds, cache.latent_shape, device)
        z = draw_latents(batch["moments"].to(device), cache, draw())
        eps = draw()
        for t in levels:
            logits = network(noised(z, alphas_cumprod[t].to(device), eps), torch.tensor(t))
            correct[t] += int((logits.argmax(dim=1).cpu() == batch["label"]).sum())
    accuracies = {f"accuracy_t{t}": round(count / len(split), 6) for t, count in correct.items()}
    return {"accuracy": round(sum(correct.values()) / len(split) / len(levels), 6), **accuracies}
