"""Inception-v3 with the three ways of resizing that clean-fid compares (Parmar et al., 2022)."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal
from unittest.mock import patch

import numpy as np
import torch
from cleanfid import inception_pytorch
from cleanfid.inception_torchscript import InceptionV3W
from cleanfid.resize import build_resizer
from numpy.typing import NDArray
from torch import Tensor
from torchvision.transforms import ToTensor

from ldm_pipelines.evaluation.networks.measuring import Outputs
from ldm_pipelines.feature_networks.published_files import (
    INCEPTION_PYTORCH,
    INCEPTION_TORCHSCRIPT,
    PublishedFile,
    resolve,
)

Mode = Literal["clean", "legacy_tensorflow", "legacy_pytorch"]
RESIZE = {
    "clean": "PIL bicubic to 299, in float",
    "legacy_tensorflow": "TensorFlow 1 bilinear to 299",
    "legacy_pytorch": "PyTorch bilinear to 299",
}


class InceptionCleanfid:
    """clean-fid's own networks and resizers on images in memory. ``pool`` (b, 2048); no logits.

    As in ``cleanfid.features.build_feature_extractor``, ``clean`` and ``legacy_tensorflow`` run NVIDIA's TorchScript
    file, ``legacy_pytorch`` the network of pytorch-fid; unlike there, nothing is downloaded.
    """

    imagenet = False

    def __init__(self, weights_dir: Path, device: str, mode: Mode, file: PublishedFile | None = None) -> None:
        """``file``: other weights than those the mode is published with.

        Raises:
            InputError: the weights file is missing or another one.
        """
        file = file or (INCEPTION_PYTORCH if mode == "legacy_pytorch" else INCEPTION_TORCHSCRIPT)
        path = resolve(file, weights_dir)
        self.name = "inception_cleanfid" if mode == "clean" else f"inception_cleanfid_{mode}"
        self.digest = file.sha256
        self.classes: list[str] = []
        self.config: dict[str, Any] = {
            "kind": "inception_cleanfid",
            "mode": mode,
            "weights": file.name,
            "resize": RESIZE[mode],
        }
        self._device = device
        self._network = _pytorch(path, device) if mode == "legacy_pytorch" else _torchscript(path, device, mode)
        with warnings.catch_warnings():  # clean-fid's resizer for PyTorch turns all warnings off, for good
            self._resize = build_resizer(mode)

    @torch.inference_mode()
    def measure(self, pixels: NDArray[np.uint8]) -> Outputs:
        """See the class; ``pixels`` (b, h, w, 3)."""
        x = torch.stack([self._read(image) for image in pixels])
        return Outputs(self._network(x.to(self._device)), None, None)

    def _read(self, image: NDArray[np.uint8]) -> Tensor:
        """An image (3, h', w') in [0, 255] from (h, w, 3), to the last bit as in ``cleanfid.utils.ResizeDataset``."""
        resized = self._resize(image)
        x: Tensor = ToTensor()(resized)
        return x * 255 if resized.dtype == np.uint8 else x


def _torchscript(path: Path, device: str, mode: Mode) -> Callable[[Tensor], Tensor]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # PyTorch would rather not read TorchScript any more
        # the class opens a folder's file of the published name, which resolve() has found there
        network = InceptionV3W(str(path.parent), download=False, resize_inside=mode == "legacy_tensorflow")
    return network.to(device).eval()


def _pytorch(path: Path, device: str) -> Callable[[Tensor], Tensor]:
    state = torch.load(path, map_location="cpu", weights_only=True)
    # the class has no other way in: it always fetches its weights by this function
    with patch.object(inception_pytorch, "load_state_dict_from_url", lambda *args, **kwargs: state):
        network = inception_pytorch.InceptionV3(output_blocks=[3], resize_input=False)
    network.to(device).eval()

    def pooled(x: Tensor) -> Tensor:
        features: Tensor = network(x / 255)[0]
        return features.squeeze(-1).squeeze(-1)

    return pooled
