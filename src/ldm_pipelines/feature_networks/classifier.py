"""A small convolutional classifier whose activations serve where pretrained networks are not at hand."""

from collections.abc import Sequence
from itertools import pairwise
from math import gcd
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from ldm_pipelines.feature_networks.features import FeatureNetwork, Features


class ClassifierNetwork(FeatureNetwork):
    """Stages of convolution, group norm and SiLU, halving the resolution after each; average pool; linear logits.

    There is no layer that behaves differently in training, so one mode serves both.
    """

    kind = "classifier"
    has_pool = True

    def __init__(self, name: str, channels: Sequence[int], classes: Sequence[str]) -> None:
        """``channels``: width per stage; ``classes``: names, in the order of the labels."""
        super().__init__()
        self.name = name
        self.channels = tuple(channels)
        self.classes = tuple(classes)
        self.blocks = nn.ModuleList([_block(a, b) for a, b in pairwise((3, *self.channels))])
        self.head = nn.Linear(self.channels[-1], len(self.classes))

    @property
    def config(self) -> dict[str, Any]:
        return {"channels": list(self.channels), "classes": list(self.classes)}

    def stages(self, x: Tensor) -> list[Tensor]:
        activations: list[Tensor] = []
        for block in self.blocks:
            x = block(x if not activations else F.avg_pool2d(x, 2))
            activations.append(x)
        return activations

    def features(self, stages: list[Tensor]) -> Features:
        pool = stages[-1].mean(dim=(2, 3))
        return Features(pool, self.head(pool))


class RotationNetwork(ClassifierNetwork):
    """The same network where the classes are an image's quarter turns."""

    kind = "rotation"


def _block(in_channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 3, padding=1),
        nn.GroupNorm(gcd(8, out_channels), out_channels),
        nn.SiLU(),
    )
