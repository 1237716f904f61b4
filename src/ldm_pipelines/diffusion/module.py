"""Training of a latent diffusion model (Eq. 3)."""

import math
from typing import Any

import torch
from diffusers import DDIMScheduler
from torch import Tensor, nn
from torch.nn import functional

from ldm_pipelines.diffusion.conditioners.conditioner import Condition, Conditioner, Raw, drop_some
from ldm_pipelines.diffusion.denoiser import denoise
from ldm_pipelines.diffusion.schedule import noised, target
from ldm_pipelines.diffusion.spec import LDM
from ldm_pipelines.latents.cache import CacheInfo, draw_latents, flip_some
from ldm_pipelines.training.draws import Draws
from ldm_pipelines.training.ema import EMA
from ldm_pipelines.training.module import TrainingModule
from ldm_pipelines.training.stream import Batch


class LatentDiffusionModule(TrainingModule):
    """Denoising of cached latents; the conditioner trains jointly, the denoiser alone is averaged."""

    def __init__(
        self, spec: LDM, cache: CacheInfo, denoiser: nn.Module, conditioner: Conditioner, scheduler: DDIMScheduler,
        seed: int,
    ) -> None:  # fmt: skip
        super().__init__(seed)
        self.spec = spec
        self.cache = cache
        self.denoiser = denoiser
        self.conditioner = conditioner
        self.ema = EMA(denoiser, spec.training.ema_decay)
        self.register_buffer("alphas_cumprod", scheduler.alphas_cumprod.clone(), persistent=False)
        self.alphas_cumprod: Tensor

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        training = self.spec.training
        draws = self.draws("draws")
        z = self._latents(batch["moments"], draws)
        if training.horizontal_flip:
            z = flip_some(z, draws)
        null_probability = getattr(self.spec.conditioning, "null_probability", 0.0)
        raw = drop_some(self.conditioner, _raw(batch), null_probability, draws)
        loss = self._loss(self.denoiser, z, self.conditioner(raw), draws)
        self.record(len(z), train_loss=loss)
        return self.check_finite(loss)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Loss of the averaged denoiser, with the same noise and time steps at every validation."""
        draws = Draws(torch.Generator(self.device).manual_seed(batch_idx))
        z = self._latents(batch["moments"], draws)
        loss = self._loss(self.ema.averaged, z, self.conditioner(_raw(batch)), draws)
        self.record(len(z), val_loss=loss)

    def _latents(self, moments: Tensor, draws: Draws) -> Tensor:
        return draw_latents(moments, self.cache, draws.normal(len(moments), *self.cache.latent_shape))

    def _loss(self, denoiser: nn.Module, z: Tensor, condition: Condition, draws: Draws) -> Tensor:
        t = draws.integers(len(self.alphas_cumprod), len(z))
        eps = draws.normal(*z.shape)
        alpha = self.alphas_cumprod[t]
        output = denoise(denoiser, noised(z, alpha, eps), t, condition)
        distance = functional.l1_loss if self.spec.training.loss == "l1" else functional.mse_loss
        return distance(output, target(self.spec.schedule.prediction, z, alpha, eps))

    def after_step(self) -> None:
        self.ema.update(self.denoiser)

    def learning_rate(self, step: int) -> float:
        """Linear warm-up, then constant or a cosine to the final rate."""
        training = self.spec.training
        rate = training.learning_rate
        if step < training.warmup_steps:
            return rate * (step + 1) / training.warmup_steps
        if training.final_learning_rate is None:
            return rate
        done = (step - training.warmup_steps) / max(1, training.steps - training.warmup_steps)
        return training.final_learning_rate + (rate - training.final_learning_rate) * (1 + math.cos(math.pi * done)) / 2

    def configure_optimizers(self) -> Any:
        training = self.spec.training
        trained = [p for part in (self.denoiser, self.conditioner) for p in part.parameters() if p.requires_grad]
        return torch.optim.AdamW(trained, lr=training.learning_rate, weight_decay=training.weight_decay)

    def trained_denoiser(self) -> nn.Module:
        """The averaged weights, which is what is sampled from."""
        return self.ema.averaged


def _raw(batch: Batch) -> Raw:
    return {name: value for name, value in batch.items() if name != "moments"}
