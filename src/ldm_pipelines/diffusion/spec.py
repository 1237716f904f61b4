"""Parameters of a latent diffusion model."""

from typing import Literal, Self

from pydantic import model_validator

from ldm_pipelines.diffusion.conditioning_spec import CONCATENATED, TOKENISED, Conditioning
from ldm_pipelines.spec import Entity, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, Probability, Spec

Prediction = Literal["epsilon", "sample", "v_prediction"]
"""What a denoiser is trained to give, named as in diffusers: the noise (Eq. 3), the clean latent (released: ``x0``),
or sqrt(alpha_bar) eps - sqrt(1 - alpha_bar) z (Salimans & Ho, 2022). With time steps drawn uniformly, the losses
weigh an error of the clean latent by SNR, 1 and SNR + 1."""


class Schedule(Spec):
    """Forward process. The released code's "linear" is linear in sqrt(beta)."""

    timesteps: PositiveInt
    beta_start: PositiveFloat
    beta_end: PositiveFloat
    prediction: Prediction = "epsilon"


class Denoiser(Spec):
    """The UNet (Sec. 3.3): ADM's blocks, with spatial transformers where it is conditioned by tokens."""

    block_out_channels: tuple[PositiveInt, ...]
    layers_per_block: PositiveInt
    attention: tuple[bool, ...]
    """Per level, from the highest resolution: attention or plain residual blocks. The middle always attends."""
    head_channels: PositiveInt | None = None
    """Channels per attention head; null when ``heads`` is given."""
    heads: PositiveInt | None = None
    """Attention heads at every level (released: churches, inpainting, semantic, text); null with ``head_channels``."""
    transformer_depth: NonNegativeInt
    """Blocks of each spatial transformer; 0 is plain self-attention, for models without tokens."""
    norm_num_groups: PositiveInt
    scale_shift_norm: bool = False
    """The time embedding scales and shifts instead of being added (released: churches)."""
    resblock_updown: bool = False
    """Residual blocks change the resolution, as in BigGAN (released: churches, inpainting_big)."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(self.attention) != len(self.block_out_channels):
            raise ValueError("attention needs one flag per entry of block_out_channels")
        if (self.head_channels is None) == (self.heads is None):
            raise ValueError("exactly one of head_channels and heads must be given")
        return self

    def heads_of(self, width: int) -> int:
        """Attention heads of a level of ``width`` channels."""
        return self.heads or max(1, width // (self.head_channels or width))


class DiffusionTraining(Spec):
    steps: PositiveInt
    batch_size: PositiveInt
    """Latents per step over all devices."""
    learning_rate: PositiveFloat
    final_learning_rate: NonNegativeFloat | None = None
    """Cosine decay to this rate at the last step; null keeps the rate constant, as in most released configs."""
    weight_decay: NonNegativeFloat
    warmup_steps: NonNegativeInt
    """Linear warm-up of the learning rate."""
    loss: Literal["l1", "l2"]
    ema_decay: Probability
    """Upper bound of the decay; the warm-up is min(decay, (1 + n) / (10 + n))."""
    gradient_clip: PositiveFloat | None
    horizontal_flip: bool
    snapshots: tuple[PositiveInt, ...] = ()
    """Steps after which the model as it then stands is kept beside the final one (Figures 6 and 17)."""

    @model_validator(mode="after")
    def _snapshots_before_the_end(self) -> Self:
        if any(step >= self.steps for step in self.snapshots) or sorted(set(self.snapshots)) != list(self.snapshots):
            raise ValueError(f"snapshots must rise and lie below steps ({self.steps}), whose model is kept anyway")
        return self


class LDM(Entity):
    """A latent diffusion model trained on a latent cache."""

    latent: str
    dataset: str
    """Where captions, boxes, maps and images of the conditions come from; derived from the latent cache."""
    autoencoder: str
    """Encodes masked images (inpainting); derived from the latent cache."""
    denoiser: Denoiser
    conditioning: Conditioning
    schedule: Schedule
    training: DiffusionTraining

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        kind, depth = self.conditioning.kind, self.denoiser.transformer_depth
        if kind in TOKENISED and depth == 0:
            raise ValueError(
                f"denoiser.transformer_depth is 0, but {kind} conditioning needs cross-attention: 1 or more"
            )
        if kind not in TOKENISED and depth > 0:
            raise ValueError(f"denoiser.transformer_depth is {depth}, but {kind} conditioning has no tokens: 0")
        if self.training.horizontal_flip and kind in (*CONCATENATED, "layout", "text"):
            raise ValueError(f"training.horizontal_flip mirrors the latent but not its {kind} condition: false")
        return self
