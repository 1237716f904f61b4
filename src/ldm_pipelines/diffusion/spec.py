"""Parameters of a latent diffusion model and of a set of samples drawn from it."""

from typing import Literal, Self

from pydantic import model_validator

from ldm_pipelines.spec import (
    Entity,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Probability,
    Spec,
)


class Schedule(Spec):
    """Forward process. The released code's "linear" is linear in sqrt(beta)."""

    timesteps: PositiveInt
    beta_start: PositiveFloat
    beta_end: PositiveFloat


class Denoiser(Spec):
    """The UNet with cross-attention (Sec. 3.3)."""

    block_out_channels: tuple[PositiveInt, ...]
    layers_per_block: PositiveInt
    attention: tuple[bool, ...]
    """Per level, from the highest resolution: spatial transformer or plain residual blocks."""
    head_channels: PositiveInt
    """Channels per attention head."""
    transformer_depth: PositiveInt
    norm_num_groups: PositiveInt

    @model_validator(mode="after")
    def _one_flag_per_level(self) -> Self:
        if len(self.attention) != len(self.block_out_channels):
            raise ValueError("attention needs one flag per entry of block_out_channels")
        return self


class ClassConditioning(Spec):
    """A learned class embedding, one token of cross-attention; the last class is the null class of guidance."""

    kind: Literal["class"]
    dim: PositiveInt
    null_probability: Probability
    """How often training replaces the class by the null class (released later code: 0.1)."""


Conditioning = ClassConditioning


class DiffusionTraining(Spec):
    steps: PositiveInt
    batch_size: PositiveInt
    """Latents per step over all devices."""
    learning_rate: PositiveFloat
    weight_decay: NonNegativeFloat
    warmup_steps: NonNegativeInt
    """Linear warm-up of the learning rate."""
    loss: Literal["l1", "l2"]
    ema_decay: Probability
    """Upper bound of the decay; the warm-up is min(decay, (1 + n) / (10 + n))."""
    gradient_clip: PositiveFloat | None
    horizontal_flip: bool


class LDM(Entity):
    """A latent diffusion model trained on a latent cache."""

    latent: str
    denoiser: Denoiser
    conditioning: Conditioning
    schedule: Schedule
    training: DiffusionTraining


class DDIM(Spec):
    """DDIM with the original code's time steps: ``steps`` must divide the schedule's timesteps."""

    kind: Literal["ddim"]
    steps: PositiveInt
    eta: Probability


class Samples(Entity):
    """A set of images drawn from a latent diffusion model."""

    ldm: str
    autoencoder: str
    """Decodes the latents; derived from the model's latent cache."""
    sampler: DDIM
    guidance_scale: NonNegativeFloat
    """s of eps_u + s (eps_c - eps_u); 1 is no guidance."""
    count: PositiveInt
    """Number of images; labels are balanced over the classes."""
