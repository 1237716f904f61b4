"""Batches of a dataset's images, for networks that train on pixels."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ldm_pipelines.data.prepared import ImageSplit
from ldm_pipelines.data.share import WHOLE, Share
from ldm_pipelines.data.tensors import to_tensor

IN_MEMORY_BYTES = 2**28
"""A split whose decoded pixels fit in this is decoded once, not once per epoch."""


class ImageBatches:
    """Random access to a split as tensors: ``x`` (b, 3, s, s) in [-1, 1] and ``label`` (b,) int64.

    Augmentations, each drawn per image: the dataset's random crops; translation by up to ``max_shift`` pixels with
    edges repeated; a horizontal flip of half of the images where ``flip``.
    """

    def __init__(self, split: ImageSplit, max_shift: int = 0, flip: bool = False) -> None:
        self.split = split
        self.max_shift = max_shift
        self.flip = flip
        small = len(split) * split.image_size**2 * 3 <= IN_MEMORY_BYTES
        at_once = small and not split.random_crop and split.shards is None
        self._decoded = split.pixels(np.arange(len(split))) if at_once else None

    def __len__(self) -> int:
        return len(self.split)

    @property
    def labels(self) -> NDArray[np.int64]:
        """Classes (n,) of all images, -1 for none."""
        return self.split.labels

    def pixels(self, indices: NDArray[np.integer]) -> NDArray[np.uint8]:
        """Images at ``indices`` as uint8 (b, s, s, 3), without augmentation."""
        return self.split.pixels(indices) if self._decoded is None else self._decoded[indices]

    def read(
        self, indices: NDArray[np.integer], rng: np.random.Generator | None, share: Share = WHOLE
    ) -> dict[str, Tensor]:
        """The share's images of the batch ``indices``, augmented by draws from ``rng``; None leaves them as they
        are."""
        mine = share.take(indices)
        pixels = self.split.pixels(indices, rng, share) if self.split.random_crop else self.pixels(mine)
        if rng is not None and self.max_shift:
            offsets = rng.integers(-self.max_shift, self.max_shift + 1, size=(len(indices), 2))
            pixels = shifted(pixels, share.take(offsets))
        if rng is not None and self.flip:
            mirrored = share.take(rng.random(len(indices)) < 0.5)
            pixels = np.where(mirrored[:, None, None, None], pixels[:, :, ::-1], pixels)
        return {"x": to_tensor(pixels), "label": torch.from_numpy(self.split.labels[mine])}


class Excerpt:
    """At most ``count`` items of ``source``, evenly spaced (a split may be sorted by class)."""

    def __init__(self, source: ImageBatches, count: int) -> None:
        self.source = source
        self.indices = evenly_spaced(len(source), count)

    def __len__(self) -> int:
        return len(self.indices)

    def read(
        self, indices: NDArray[np.integer], rng: np.random.Generator | None, share: Share = WHOLE
    ) -> dict[str, Tensor]:
        """Items at ``indices`` of the excerpt."""
        return self.source.read(self.indices[indices], rng, share)


def evenly_spaced(length: int, count: int) -> NDArray[np.int64]:
    """At most ``count`` of the numbers 0 .. length - 1, in order."""
    return np.unique(np.linspace(0, length - 1, min(count, length)).round().astype(np.int64))


def shifted(pixels: NDArray[np.uint8], offsets: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Images (b, h, w, c) moved down and right by ``offsets`` (b, 2); the pixels at the edge fill the gap."""
    count, height, width, _ = pixels.shape
    rows = np.clip(np.arange(height) - offsets[:, :1], 0, height - 1)
    columns = np.clip(np.arange(width) - offsets[:, 1:], 0, width - 1)
    moved: NDArray[np.uint8] = pixels[np.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]
    return moved
