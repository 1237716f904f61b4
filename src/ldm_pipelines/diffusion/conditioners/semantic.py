"""Semantic maps."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from ldm_pipelines.data.prepared import ImageSplit
from ldm_pipelines.data.share import WHOLE, Share
from ldm_pipelines.diffusion.conditioners.conditioner import (
    Condition,
    Conditioner,
    Raw,
    Reader,
    Surroundings,
    check_classes,
)
from ldm_pipelines.diffusion.conditioners.pictures import draw_map
from ldm_pipelines.diffusion.conditioning_spec import SemanticConditioning
from ldm_pipelines.errors import InputError


class SemanticConditioner(Conditioner):
    """A one-hot map, halved to the latent's size, then a 1x1 convolution (released: ``SpatialRescaler``).

    Raw: ``map`` (b, h, w) of class numbers at the image's size.
    """

    kind = "semantic"
    forms = {"map": "b, h, w"}

    def __init__(self, classes: Sequence[str], stages: int, channels: int) -> None:
        super().__init__()
        self.classes = list(classes)
        self.stages = stages
        self.concat_channels = channels
        self.channel_mapper = nn.Conv2d(len(self.classes), channels, kernel_size=1, bias=False)

    @classmethod
    def build(cls, spec: SemanticConditioning, surroundings: Surroundings) -> Self:
        if not surroundings.map_classes:
            raise InputError("semantic conditioning needs semantic maps; the dataset has none")
        if 2**spec.stages != surroundings.factor:
            raise InputError(
                f"conditioning.stages is {spec.stages}, which shrinks maps by {2**spec.stages}, but the first stage "
                f"shrinks images by {surroundings.factor}: they must agree"
            )
        return cls(surroundings.map_classes, spec.stages, spec.channels)

    def config(self) -> dict[str, Any]:
        return {"classes": self.classes, "stages": self.stages, "channels": self.concat_channels}

    def forward(self, raw: Raw) -> Condition:
        one_hot = functional.one_hot(raw["map"], len(self.classes)).permute(0, 3, 1, 2)
        return {"concat": self.rescale(one_hot.to(self.channel_mapper.weight.dtype))}

    def rescale(self, x: Tensor) -> Tensor:
        """(b, classes, h, w) to (b, channels, h / 2^stages, w / 2^stages)."""
        for _ in range(self.stages):
            x = functional.interpolate(x, scale_factor=0.5, mode="bilinear")
        mapped: Tensor = self.channel_mapper(x)
        return mapped

    def reader(self, split: ImageSplit) -> Reader:
        split.maps(np.array([], dtype=np.int64))  # refuses a dataset without maps
        check_classes(self.classes, split.map_classes, "maps")
        return _Maps(split)

    def latent_size(self, raw: Raw) -> tuple[int, int]:
        height, width = raw["map"].shape[1:]
        return height >> self.stages, width >> self.stages

    def picture(self, raw: Raw, size: tuple[int, int]) -> NDArray[np.uint8]:
        return np.stack([draw_map(classes, self.classes, size) for classes in raw["map"].cpu().numpy()])


class _Maps:
    def __init__(self, split: ImageSplit) -> None:
        self._split = split

    def read(self, indices: NDArray[np.integer], rng: np.random.Generator | None, share: Share = WHOLE) -> Raw:
        return {"map": torch.from_numpy(self._split.maps(share.take(indices)).astype(np.int64))}
