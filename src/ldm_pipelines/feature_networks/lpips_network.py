"""LPIPS with its published weights, as one more feature network."""

import warnings
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Literal

import lpips
import torch
from torch import Tensor

from ldm_pipelines.errors import InputError
from ldm_pipelines.feature_networks.features import FeatureNetwork

BACKBONES = {"vgg": "vgg16-397923af.pth", "alex": "alexnet-owt-7be5be79.pth"}
"""File names as published by torchvision (``https://download.pytorch.org/models/``)."""


class LpipsNetwork(FeatureNetwork):
    """The ``lpips`` package's network (version 0.1): torchvision backbone and learned channel weights.

    Built without values: fill it with ``load_state_dict``.
    """

    kind = "lpips"

    def __init__(self, name: str, net: Literal["vgg", "alex"]) -> None:
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


def assemble(name: str, net: Literal["vgg", "alex"], weights_dir: Path) -> LpipsNetwork:
    """The network from the backbone file in ``weights_dir`` and the weights inside the ``lpips`` package.

    Raises:
        InputError: the backbone's file is missing or is not what its name says. Nothing is ever downloaded.
    """
    network = LpipsNetwork(name, net)
    published = _read_backbone(weights_dir / BACKBONES[net])
    shipped = Path(lpips.__file__).parent / "weights" / "v0.1" / f"{net}.pth"
    learned = torch.load(shipped, map_location="cpu", weights_only=True)
    state: dict[str, Tensor] = {}
    for key, value in network.state_dict().items():
        part, _, rest = key.partition(".")
        if part == "backbone":  # backbone.slice2.5.weight is torchvision's features.5.weight
            state[key] = _take(published, f"features.{rest.partition('.')[2]}", value, weights_dir / BACKBONES[net])
        elif part == "linear":  # linear.0.model.1.weight is lin0.model.1.weight
            state[key] = learned[f"lin{rest}"]
        else:
            state[key] = value
    network.load_state_dict(state, assign=True)
    return network.eval().requires_grad_(False)


def _read_backbone(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise InputError(
            f"{path.name} is missing in {path.parent}; put the file from https://download.pytorch.org/models/{path.name}"
            " there, or set weights_dir in conf/local/compute.yml to the folder that has it"
        )
    try:
        state: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    except (UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        raise InputError(f"{path} can not be read as PyTorch weights; fetch it again ({_first_line(error)})") from error
    return state


def _take(state: dict[str, Tensor], key: str, like: Tensor, path: Path) -> Tensor:
    if key not in state or state[key].shape != like.shape:
        raise InputError(f"{path} has no tensor {key!r} of shape {tuple(like.shape)}: it is not the published file")
    return state[key]


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
