"""Parameters of a classifier on noisy latents, which guides a diffusion model (LDM-8-G of Table 10)."""

from typing import Self

from pydantic import model_validator

from ldm_pipelines.diffusion.spec import Denoiser, Schedule
from ldm_pipelines.spec import Entity, NonNegativeFloat, PositiveFloat, PositiveInt, Spec


class LatentClassifierTraining(Spec):
    steps: PositiveInt
    batch_size: PositiveInt
    """Latents per step over all devices."""
    learning_rate: PositiveFloat
    """Of the first step; it falls linearly to zero, as in ADM's training."""
    weight_decay: NonNegativeFloat


class LatentClassifier(Entity):
    """Predicts the class of a cached latent from its noisy version z_t: the encoding half of a UNet."""

    latent: str
    unet: Denoiser
    """Its down-sampling half and middle are used."""
    schedule: Schedule
    """The forward process, that of the model it guides."""
    training: LatentClassifierTraining

    @model_validator(mode="after")
    def _without_tokens(self) -> Self:
        if self.unet.transformer_depth:
            raise ValueError(f"unet.transformer_depth is {self.unet.transformer_depth}, but there are no tokens: 0")
        return self
