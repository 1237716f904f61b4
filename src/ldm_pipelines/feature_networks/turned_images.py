"""Every image in four orientations, for networks that learn which one it is (Gidaris et al., 2018)."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ldm_pipelines.data.share import WHOLE, Share
from ldm_pipelines.feature_networks.image_batches import ImageBatches

TURNS = ("0", "90", "180", "270")
"""Degrees counter-clockwise, in the order of the labels."""


class TurnedImages:
    """Images of ``source`` where reading b of them gives 4 b: one after another, each turned by 0 to 3 quarters.

    A batch holds all turns of its images, as in the original: without that, small networks do not begin to learn.
    The images' own classes are not used.
    """

    def __init__(self, source: ImageBatches) -> None:
        self.source = source

    def __len__(self) -> int:
        return len(self.source)

    @property
    def labels(self) -> NDArray[np.int64]:
        """Quarter turns (4 n,) of all turned images."""
        return np.tile(np.arange(len(TURNS)), len(self))

    def pixels(self, indices: NDArray[np.integer]) -> NDArray[np.uint8]:
        """Turned images at ``indices``, each below 4 n, as uint8 (b, s, s, 3), without augmentation."""
        images, turns = self.source.pixels(indices // len(TURNS)), indices % len(TURNS)
        return np.stack([np.rot90(image, int(turn)) for image, turn in zip(images, turns, strict=True)])

    def read(
        self, indices: NDArray[np.integer], rng: np.random.Generator | None, share: Share = WHOLE
    ) -> dict[str, Tensor]:
        """Images at ``indices`` (b,) in all turns: ``x`` (4 b, 3, s, s) in [-1, 1], ``label`` (4 b,) the turns.

        Of a shared batch, all turns of the share's images.
        """
        x = self.source.read(indices, rng, share)["x"]
        turned = torch.stack([torch.rot90(x, turn, dims=(2, 3)) for turn in range(len(TURNS))], dim=1)
        return {"x": turned.flatten(0, 1), "label": torch.arange(len(TURNS)).repeat(len(x))}
