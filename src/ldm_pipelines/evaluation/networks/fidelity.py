"""torch-fidelity's feature extractors: the networks behind the paper's FID, IS, precision and recall."""

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch_fidelity import FeatureExtractorInceptionV3, FeatureExtractorVGG16

from ldm_pipelines.evaluation.networks.measuring import Outputs
from ldm_pipelines.feature_networks.published_files import INCEPTION_PYTORCH, VGG16, PublishedFile, resolve

SPATIAL_CHANNELS = 7
"""The first 7 of 192: 7 x 17 x 17 = 2023 numbers, about as many as the pooled 2048 (Nash et al., 2021, sec. 5.1)."""


class _Extractor:
    """What torch-fidelity's extractors have in common."""

    name: str
    published: PublishedFile
    choices: dict[str, str]
    """What the numbers depend on besides the weights."""
    classes: list[str] = []

    def __init__(self, weights_dir: Path, device: str, file: PublishedFile | None = None) -> None:
        """``file``: other weights than the published. Raises ``InputError`` where they are missing or other ones."""
        file = file or self.published
        path = resolve(file, weights_dir)
        self.digest = file.sha256
        self.config: dict[str, Any] = {"kind": self.name, "weights": file.name, **self.choices}
        self._device = device
        self._network = self.build(_safe_copy(path)).to(device)

    def build(self, weights: BytesIO) -> nn.Module:
        raise NotImplementedError


class InceptionFidelity(_Extractor):
    """Inception-v3 as ported from TensorFlow by torch-fidelity, with TensorFlow 1's bilinear resizing to 299.

    ``pool`` (b, 2048); ``logits`` (b, 1008) without the bias, as torch-fidelity's Inception Score takes them;
    ``spatial`` (b, 2023), by place, then channel: ADM's ``mixed_6/conv:0[..., :7]``, so that the moments in its
    reference batches fit. torch-fidelity's conversion of the weights (``util_convert_inception_weights.py``) names that
    layer ``Mixed_6d.branch1x1`` (in TensorFlow ``mixed`` is 5b, so ``mixed_6`` is 6d); its output is after the ReLU.
    """

    name = "inception_fidelity"
    imagenet = True
    published = INCEPTION_PYTORCH
    choices = {
        "resize": "TensorFlow 1 bilinear to 299",
        "logits": "without bias",
        "spatial": "mixed_6/conv, 7 channels",
    }

    def build(self, weights: BytesIO) -> nn.Module:
        return FeatureExtractorInceptionV3(self.name, ["2048", "logits_unbiased"], weights)

    @torch.inference_mode()
    def measure(self, pixels: NDArray[np.uint8]) -> Outputs:
        """See the class; ``pixels`` (b, h, w, 3)."""
        kept: list[Tensor] = []

        def keep(module: nn.Module, inputs: Any, output: Tensor) -> None:
            kept.append(output[:, :SPATIAL_CHANNELS].permute(0, 2, 3, 1).flatten(1))

        layer: Any = self._network.get_submodule("Mixed_6d.branch1x1")
        with layer.register_forward_hook(keep):
            pool, logits = self._network(_channels_first(pixels).to(self._device))
        return Outputs(pool, logits, kept[0])


class Vgg16Fidelity(_Extractor):
    """VGG16 as torch-fidelity uses it, for precision and recall as of Kynkaanniemi et al. (2019).

    ``pool`` (b, 4096): the second dense layer after its ReLU (``fc2_relu``), from TensorFlow 1's bilinear resizing to
    224. No logits.
    """

    name = "vgg16_fidelity"
    imagenet = False
    published = VGG16
    choices = {"resize": "TensorFlow 1 bilinear to 224"}

    def build(self, weights: BytesIO) -> nn.Module:
        return FeatureExtractorVGG16(self.name, ["fc2_relu"], weights)

    @torch.inference_mode()
    def measure(self, pixels: NDArray[np.uint8]) -> Outputs:
        """See the class; ``pixels`` (b, h, w, 3)."""
        (pool,) = self._network(_channels_first(pixels).to(self._device))
        return Outputs(pool, None, None)


def _channels_first(pixels: NDArray[np.uint8]) -> Tensor:
    """uint8 (b, 3, h, w), laid out as torch-fidelity lays it out: the layout decides how convolutions round."""
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)))


def _safe_copy(path: Path) -> BytesIO:
    """The file's tensors, written anew: torch-fidelity unpickles whatever it is given, and so gets nothing else."""
    copy = BytesIO()
    torch.save(torch.load(path, map_location="cpu", weights_only=True), copy)
    copy.seek(0)
    return copy
