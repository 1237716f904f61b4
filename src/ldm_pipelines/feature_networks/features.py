"""The interface of networks whose activations measure images, and the perceptual distance made of them."""

from abc import abstractmethod
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor, nn

from ldm_pipelines.errors import InputError


class Features(NamedTuple):
    """``pool`` (b, d) for Frechet distance, precision and recall; ``logits`` (b, classes) for the Inception Score."""

    pool: Tensor
    logits: Tensor


class FeatureNetwork(nn.Module):
    """A network that takes images x (b, 3, h, w) in [-1, 1] and is always in evaluation mode.

    ``train()`` is ignored on purpose: a parent module that starts training must not switch on the dropout of LPIPS
    (in the released code it does).
    """

    kind: str
    name: str
    has_pool: bool = False
    """Whether ``forward`` gives pooled features and logits."""
    digest: str = ""
    """sha256 of the weights file the network was loaded from."""

    @property
    @abstractmethod
    def config(self) -> dict[str, Any]:
        """The arguments that rebuild the network; what ``config.json`` holds besides kind and name."""

    @abstractmethod
    def stages(self, x: Tensor) -> list[Tensor]:
        """Activations (b, c_i, h_i, w_i) of every stage, shallow to deep."""

    def forward(self, x: Tensor) -> Features:
        """Pooled features and logits; an ``InputError`` where the network has none."""
        return self.features(self.stages(x))

    def features(self, stages: list[Tensor]) -> Features:
        """The same, of activations that are there already."""
        raise InputError(
            f"feature network {self.name!r} (kind {self.kind!r}) has no pooled features and no logits, which FID, "
            "Inception Score, precision and recall need; name a feature_network of kind 'classifier' or 'rotation'"
        )

    def weigh(self, stage: int, difference: Tensor) -> Tensor:
        """One number per pixel (b, 1, h, w) from the squared difference (b, c, h, w) of unit-normalised activations."""
        return difference.sum(dim=1, keepdim=True)

    def train(self, mode: bool = True) -> Self:
        """Evaluation mode, whatever ``mode`` says."""
        return super().train(False)


class PerceptualDistance(nn.Module):
    """LPIPS (Zhang et al., 2018, Eq. 1) on the stages of any feature network.

    Squared distance of the channel-unit-normalised activations, weighed by the network, averaged over pixels, summed
    over stages.
    """

    def __init__(self, network: FeatureNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Distance (b,) between images x and y (b, 3, h, w) in [-1, 1]."""
        return self.between(self.network.stages(x), self.network.stages(y))

    def between(self, x: list[Tensor], y: list[Tensor]) -> Tensor:
        """The same, of the network's stages of x and y."""
        maps = [self.network.weigh(i, (unit(a) - unit(b)) ** 2) for i, (a, b) in enumerate(zip(x, y, strict=True))]
        return sum((m.mean(dim=(1, 2, 3)) for m in maps), start=torch.zeros(len(x[0]), device=x[0].device))


def unit(activation: Tensor, epsilon: float = 1e-10) -> Tensor:
    """``activation`` (b, c, h, w) divided by its norm over channels.

    The values are those of ``lpips.normalize_tensor``. The clamp keeps the gradient finite where all channels are
    zero, which a ReLU makes easily on flat images and where the square root alone has the gradient 0 / 0.
    """
    activation = activation.to(torch.promote_types(activation.dtype, torch.float32))  # mixed precision overflows here
    norm = activation.square().sum(dim=1, keepdim=True).clamp_min(epsilon**2).sqrt()
    return activation / (norm + epsilon)
