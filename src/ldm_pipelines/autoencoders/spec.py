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
    norm_num_groups: PositiveInt
    codebook_size: PositiveInt | None
    """Entries of the VQ codebook; null for KL."""

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
    """A first stage trained on a dataset."""

    dataset: str
    feature_network: str
    """The perceptual network of the objective."""
    regulariser: Literal["kl", "vq"]
    architecture: Architecture
    objective: Objective
    training: AutoencoderTraining

    @model_validator(mode="after")
    def _codebook_iff_vq(self) -> Self:
        if (self.regulariser == "vq") != (self.architecture.codebook_size is not None):
            raise ValueError("architecture.codebook_size is a number for regulariser 'vq' and null for 'kl'")
        return self
