"""What an evaluation needs of a network, and a study's own feature networks as such."""

from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ldm_pipelines.data.tensors import to_tensor
from ldm_pipelines.feature_networks.features import FeatureNetwork


class Outputs(NamedTuple):
    """What a network says of b images: float32, on the network's device."""

    pool: Tensor
    """(b, d), for FID, KID, precision and recall."""
    logits: Tensor | None
    """(b, classes), for the Inception Score; None where the network has none."""
    spatial: Tensor | None
    """(b, d'), activations that still have places, for sFID (Nash et al., 2021); None where they are not defined."""


class MeasuringNetwork(Protocol):
    """A network on its device, frozen and in evaluation mode."""

    name: str
    digest: str
    """SHA-256 of the file that the weights were read from."""
    config: dict[str, Any]
    """What else tells its numbers from those of other networks, for a result's provenance: ``kind`` and choices."""
    classes: list[str]
    """Names of the logits; empty where there are none, or where they are ImageNet's."""
    imagenet: bool
    """Whether the logits tell ImageNet's classes apart, as in published Inception Scores."""

    def measure(self, pixels: NDArray[np.uint8]) -> Outputs:
        """Outputs for images (b, h, w, 3), of any size; each is measured on its own, whatever the batch."""
        ...


class StudyNetwork:
    """A feature network of the study (classifier, rotation): the same numbers as from the network itself."""

    imagenet = False

    def __init__(self, network: FeatureNetwork, device: str) -> None:
        """Moves ``network`` to ``device``."""
        self.name = network.name
        self.digest = network.digest
        self.config: dict[str, Any] = {"kind": network.kind}
        self.classes: list[str] = list(network.config.get("classes", []))
        self._network, self._device = network.to(device), device

    @torch.inference_mode()
    def measure(self, pixels: NDArray[np.uint8]) -> Outputs:
        """Raises ``InputError`` where the network has no pooled features (LPIPS)."""
        features = self._network(to_tensor(pixels).to(self._device))
        return Outputs(features.pool.float(), features.logits.float(), None)
