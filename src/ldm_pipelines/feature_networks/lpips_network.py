"""LPIPS with its published weights, as one more feature network."""

import hashlib
import warnings
from pathlib import Path
from typing import Any, Literal

import lpips
import torch
from torch import Tensor

from ldm_pipelines.digests import digest_file
from ldm_pipelines.errors import InputError
from ldm_pipelines.feature_networks.features import FeatureNetwork
from ldm_pipelines.feature_networks.published_files import ALEXNET, LPIPS_LINEAR, VGG16, PublishedFile, resolve

Net = Literal["vgg", "alex"]
BACKBONES: dict[Net, PublishedFile] = {"vgg": VGG16, "alex": ALEXNET}


class LpipsNetwork(FeatureNetwork):
    """The ``lpips`` package's network (version 0.1): torchvision backbone and learned channel weights.

    Built without values: fill it with ``load_state_dict``.
    """

    kind = "lpips"

    def __init__(self, name: str, net: Net) -> None:
        super().__init__()
        self.name = name
        self.net = net
        with torch.device("meta"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # lpips calls torchvision by its deprecated arguments
            parts = lpips.LPIPS(net=net, pretrained=False, pnet_rand=True, use_dropout=True, verbose=False)
        self.backbone = parts.net
        self.linear = parts.lins
        self.scaling = lpips.ScalingLayer()

    @property
    def config(self) -> dict[str, Any]:
        return {"net": self.net}

    def stages(self, x: Tensor) -> list[Tensor]:
        return list(self.backbone(self.scaling(x)))

    def weigh(self, stage: int, difference: Tensor) -> Tensor:
        weighed: Tensor = self.linear[stage](difference)
        return weighed


def assemble(name: str, net: Net, weights_dir: Path, file: PublishedFile | None = None) -> LpipsNetwork:
    """LPIPS 0.1 (Zhang et al., 2018) from the backbone's file and the weights inside the package ``lpips``.

    ``file``: another backbone than the published. The network's digest is that of both files' digests, one after the
    other.

    Raises:
        InputError: the backbone's file is missing or another one, or the package has other learned weights.
    """
    file = file or BACKBONES[net]
    path = resolve(file, weights_dir)
    linear = _linear(net)
    network = LpipsNetwork(name, net)
    published, learned = (torch.load(each, map_location="cpu", weights_only=True) for each in (path, linear))
    state: dict[str, Tensor] = {}
    for key, value in network.state_dict().items():
        part, _, rest = key.partition(".")
        if part == "backbone":  # backbone.slice2.5.weight is torchvision's features.5.weight
            state[key] = published[f"features.{rest.partition('.')[2]}"]
        elif part == "linear":  # linear.0.model.1.weight is lin0.model.1.weight
            state[key] = learned[f"lin{rest}"]
        else:
            state[key] = value
    network.load_state_dict(state, assign=True)
    network.digest = hashlib.sha256((file.sha256 + LPIPS_LINEAR[net]).encode()).hexdigest()
    return network.eval().requires_grad_(False)


def _linear(net: Net) -> Path:
    """The learned weights of channels that the package lpips holds, if they are those of LPIPS 0.1."""
    path = Path(lpips.__file__).parent / "weights" / "v0.1" / f"{net}.pth"
    found = digest_file(path)
    if found != LPIPS_LINEAR[net]:
        raise InputError(
            f"{path} has SHA-256 {found}, LPIPS 0.1 is published with {LPIPS_LINEAR[net]}; install lpips==0.1.4 again"
        )
    return path
