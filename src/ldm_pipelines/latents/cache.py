"""The latent cache: raw posterior moments in memory-mapped shards, with an index and what made them.

On disk (a folder)::

    cache.json      what the latents are: shapes, statistics, scale factor, digests of data and autoencoder
    index.parquet   one row per image: id, split, label, shard, row
    shards/NNNNN.npy  (n, channels, h, w) moments, dtype as configured

Nothing here is normalised: drawing from the posterior, scaling and flipping happen when a batch is read, so one cache
serves every model.
"""

import json
from functools import cached_property
from pathlib import Path
from typing import Literal, cast

import numpy as np
import pandas as pd
import pandera.pandas as pa
import torch
from pandera.typing import Series
from torch import Tensor

from ldm_pipelines.autoencoders.first_stage import sample_posterior
from ldm_pipelines.data.share import WHOLE, Share
from ldm_pipelines.data.splits import SPLITS
from ldm_pipelines.errors import InputError, near_miss
from ldm_pipelines.spec import Spec
from ldm_pipelines.training.draws import Draws
from ldm_pipelines.training.stream import Batch


class Index(pa.DataFrameModel):
    """Where each image's moments lie."""

    id: Series[str] = pa.Field(unique=True)
    split: Series[str] = pa.Field(isin=["train", "validation", "test"])
    label: Series[np.int64] = pa.Field(ge=-1)
    shard: Series[np.int64] = pa.Field(ge=0)
    row: Series[np.int64] = pa.Field(ge=0)

    class Config:
        strict = True


class Source(Spec):
    """An artefact that went into the cache."""

    name: str
    digest: str


class CacheInfo(Spec):
    """Contents of ``cache.json``."""

    regulariser: Literal["kl", "vq", "none"]
    latent_shape: tuple[int, int, int]
    """(c, h, w) of a latent; KL moments have 2c channels."""
    factor: int
    dtype: Literal["float32", "float16"]
    count: int
    shard_size: int
    classes: tuple[str, ...]
    channel_mean: tuple[float, ...]
    """Mean of each latent channel over the training split (posterior noise included)."""
    channel_std: tuple[float, ...]
    scale_factor: float
    """Multiplies latents before diffusion: 1 / std over all elements for KL, 1 for VQ (Sec. G; released code) and
    for pixels."""
    dataset: Source
    autoencoder: Source


class LatentCache:
    """A finished cache.

    Raises:
        InputError: ``folder`` is not a complete cache.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for part in ("cache.json", "index.parquet"):
            if not (folder / part).exists():
                raise InputError(f"{folder} is not a latent cache: {part} is missing")
        self.info = CacheInfo.model_validate_json((folder / "cache.json").read_text())
        self.index = read_index(folder / "index.parquet")

    @property
    def counts(self) -> dict[str, int]:
        """Number of images by split, empty splits included."""
        return {name: int((self.index["split"] == name).sum()) for name in SPLITS}

    def split(self, name: str) -> "LatentSplit":
        """The latents of one split, in the order of the index."""
        rows = self.index[self.index["split"] == name]
        if rows.empty:
            raise InputError(f"{self.folder} has no split {name!r}{near_miss(name, set(self.index['split']))}")
        return LatentSplit(self.folder, rows)


class LatentSplit:
    """Batched reads of one split; a ``BatchSource``."""

    def __init__(self, folder: Path, rows: pd.DataFrame) -> None:
        self._folder = folder
        self._shard = rows["shard"].to_numpy()
        self._row = rows["row"].to_numpy()
        self._labels = torch.from_numpy(rows["label"].to_numpy().copy())

    def __len__(self) -> int:
        return len(self._row)

    def __getstate__(self) -> dict[str, object]:
        return {key: value for key, value in self.__dict__.items() if key != "_arrays"}

    @cached_property
    def _arrays(self) -> dict[int, np.ndarray]:
        """The shards as plain views of the mapped files (``np.memmap`` itself is slow to index)."""
        shards = np.unique(self._shard).tolist()
        return {shard: np.asarray(np.load(shard_path(self._folder, shard), mmap_mode="r")) for shard in shards}

    def moments(self, indices: np.ndarray) -> np.ndarray:
        """Moments (b, channels, h, w) as stored, each copied once."""
        rows = self._row[indices]
        if len(self._arrays) == 1:
            return next(iter(self._arrays.values())).take(rows, axis=0)
        places = zip(self._shard[indices].tolist(), rows.tolist(), strict=True)
        return np.concatenate([self._arrays[shard][row : row + 1] for shard, row in places])

    def read(self, indices: np.ndarray, rng: np.random.Generator | None, share: Share = WHOLE) -> Batch:
        """``{"moments": float32 (b, channels, h, w), "label": int64 (b,)}``, of the share."""
        mine = share.take(indices)
        return {"moments": torch.from_numpy(self.moments(mine)).float(), "label": self._labels[torch.from_numpy(mine)]}


def shard_path(folder: Path, shard: int) -> Path:
    return folder / "shards" / f"{shard:05d}.npy"


def read_index(path: Path) -> pd.DataFrame:
    """The index, checked.

    Raises:
        InputError: a column or a row breaks the schema.
    """
    try:
        return cast(pd.DataFrame, Index.validate(pd.read_parquet(path)))
    except pa.errors.SchemaError as error:
        raise InputError(f"{path}: {error}; encode the latents again") from None


def write_index(frame: pd.DataFrame, path: Path) -> None:
    """The index, checked, then written."""
    Index.validate(frame).to_parquet(path, index=False)


def write_info(info: CacheInfo, folder: Path) -> None:
    """``cache.json``, written last: a folder that has it is complete."""
    (folder / "cache.json").write_text(json.dumps(info.model_dump(mode="json"), indent=2) + "\n")


def draw_latents(moments: Tensor, info: CacheInfo, noise: Tensor) -> Tensor:
    """Latents (b, c, h, w) as a diffusion model sees them: drawn from the posterior by ``noise``, scaled."""
    return sample_posterior(moments, info.regulariser, noise) * info.scale_factor


def flip_some(z: Tensor, draws: Draws) -> Tensor:
    """Mirror each latent (b, c, h, w) horizontally with probability one half."""
    flip = draws.uniform(len(z)) < 0.5
    return torch.where(flip[:, None, None, None], z.flip(-1), z)
