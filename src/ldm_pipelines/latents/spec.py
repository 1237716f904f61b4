"""Parameters of a latent cache."""

from typing import Literal

from ldm_pipelines.spec import Entity, PositiveInt


class Latents(Entity):
    """A dataset encoded once by an autoencoder: raw posterior moments on disk."""

    dataset: str
    autoencoder: str
    shard_size: PositiveInt
    """Images per memory-mapped file."""
    dtype: Literal["float32", "float16"]
