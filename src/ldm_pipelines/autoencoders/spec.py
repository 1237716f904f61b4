"""Parameters of a first stage (Sec. 3.1; released configs under ``configs/autoencoder``)."""

from typing import Literal, Self

from pydantic import model_validator

from ldm_pipelines.spec import Entity, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, Probability, Spec


class Architecture(Spec):
    """The convolutional encoder and decoder; the down-sampling factor is 2^(levels - 1)."""

    block_out_channels: tuple[PositiveInt, ...]
    layers_per_block: PositiveInt
    latent_channels: PositiveInt
    mid_attention: bool
    """Attention between the two middle blocks; all released first stages but vq-f4-noattn have it."""
    attention: tuple[bool, ...] | None = None
    """Per level, from the highest resolution: attention after each residual block. Null: at no level."""
    norm_num_groups: PositiveInt
    codebook_size: PositiveInt | None
    """Entries of the VQ codebook; null for KL."""

    @model_validator(mode="after")
    def _one_flag_per_level(self) -> Self:
        if self.attention is not None and len(self.attention) != len(self.block_out_channels):
            raise ValueError("attention needs one flag per entry of block_out_channels, or null")
        return self

    @property
    def factor(self) -> int:
        """Down-sampling factor f of the encoder."""
        return int(2 ** (len(self.block_out_channels) - 1))


class Objective(Spec):
    """Weights of L1 + perceptual + adversarial + regularisation."""

    reduction: Literal["sum", "mean"]
    """How the reconstruction term is reduced: summed per image (released KL configs) or averaged over pixels (VQ)."""
    perceptual_weight: NonNegativeFloat
    kl_weight: NonNegativeFloat
    codebook_weight: NonNegativeFloat
    disc_start: NonNegativeInt
    """Autoencoder steps before the discriminator joins."""
    disc_weight: NonNegativeFloat
    disc_factor: NonNegativeFloat
    disc_num_layers: PositiveInt
    disc_channels: PositiveInt


class AutoencoderTraining(Spec):
    steps: PositiveInt
    """Autoencoder steps; the discriminator takes one beside each."""
    batch_size: PositiveInt
    """Images per step over all devices."""
    learning_rate: PositiveFloat
    """The absolute rate of both Adam optimisers (released code: 4.5e-6 x batch size)."""
    final_learning_rate: NonNegativeFloat
    """Cosine decay to this rate; equal to ``learning_rate`` for the paper's constant rate."""
    betas: tuple[Probability, Probability]
    validate_every: PositiveInt
    horizontal_flip: bool
    codebook_init: Literal["uniform", "latents"] = "uniform"
    """VQ: codes start in U(-1/K, 1/K), as released, or on latents of training images.

    From the released start most codes are never chosen within the few hundred steps of a small study.
    """


class Autoencoder(Entity):
    """A first stage trained on a dataset, or the identity: latents that are the pixels (f = 1, the paper's LDM-1)."""

    dataset: str
    feature_network: str
    """The perceptual network of the objective and of the metrics."""
    regulariser: Literal["kl", "vq", "none"]
    """"none" is the identity: nothing to build, nothing to train."""
    architecture: Architecture | None = None
    objective: Objective | None = None
    training: AutoencoderTraining | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        parts = {name: getattr(self, name) for name in ("architecture", "objective", "training")}
        wrong = [name for name, part in parts.items() if (part is None) != (self.regulariser == "none")]
        if wrong:
            needs = "has no" if self.regulariser == "none" else "needs"
            raise ValueError(f"regulariser {self.regulariser!r} {needs} {', '.join(wrong)}")
        if self.architecture and (self.regulariser == "vq") != (self.architecture.codebook_size is not None):
            raise ValueError("architecture.codebook_size is a number for regulariser 'vq' and null for 'kl'")
        return self
