"""Latent caches in the true format, made without an autoencoder."""

from pathlib import Path

import numpy as np
import pandas as pd

from ldm_pipelines.latents.cache import CacheInfo, Source, shard_path, write_index, write_info

CLASSES = tuple("0123456789")


def write_cache(folder: Path, *, count: int = 64, shard_size: int = 20, shape: tuple[int, int, int] = (3, 8, 8),
                regulariser: str = "kl", dtype: str = "float32") -> np.ndarray:  # fmt: skip
    """A cache in the true format whose moments depend on the label; returns all moments."""
    rng = np.random.default_rng(0)
    labels = np.arange(count) % len(CLASSES)
    channels = shape[0] * (2 if regulariser == "kl" else 1)
    moments = rng.normal(size=(count, channels, *shape[1:])).astype(np.float32) * 0.3
    moments[:, : shape[0]] += labels[:, None, None, None] / 5 - 1
    if regulariser == "kl":
        moments[:, shape[0] :] -= 6
    moments = moments.astype(dtype)
    (folder / "shards").mkdir(parents=True)
    for shard, first in enumerate(range(0, count, shard_size)):
        np.save(shard_path(folder, shard), moments[first : first + shard_size])
    numbers = np.arange(count)
    index = pd.DataFrame(
        {
            "id": [f"{i:04d}" for i in numbers],
            "split": np.where(numbers < count * 3 // 4, "train", "test"),
            "label": labels,
            "shard": numbers // shard_size,
            "row": numbers % shard_size,
        }
    )
    write_index(index, folder / "index.parquet")
    info = CacheInfo(
        regulariser=regulariser, latent_shape=shape, factor=4, dtype=dtype, count=count, shard_size=shard_size,
        classes=CLASSES, channel_mean=(0.0,) * shape[0], channel_std=(1.0,) * shape[0], scale_factor=1.5,
        dataset=Source(name="digits", digest="0" * 64), autoencoder=Source(name="kl", digest="1" * 64),
    )  # fmt: skip
    write_info(info, folder)
    return moments
