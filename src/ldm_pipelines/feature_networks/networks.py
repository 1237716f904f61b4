"""Feature networks as artefact folders: ``config.json`` and ``model.safetensors``."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from ldm_pipelines.digests import digest_file
from ldm_pipelines.errors import InputError, near_miss
from ldm_pipelines.feature_networks.classifier import ClassifierNetwork, RotationNetwork
from ldm_pipelines.feature_networks.features import FeatureNetwork, Features, PerceptualDistance

__all__ = ["FeatureNetwork", "Features", "PerceptualDistance", "load_network", "load_perceptual", "save_network"]

WEIGHTS = "model.safetensors"


def save_network(network: FeatureNetwork, folder: Path) -> None:
    """Write ``network`` into ``folder``, which exists."""
    config = {"kind": network.kind, "name": network.name, **network.config}
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    save_file({k: v.detach().cpu().contiguous() for k, v in network.state_dict().items()}, folder / WEIGHTS)


def load_network(folder: Path) -> FeatureNetwork:
    """The network of an artefact folder: frozen, in evaluation mode for good, ``digest`` = sha256 of its weights.

    Raises:
        InputError: the folder is not a feature network.
    """
    try:
        config = json.loads((folder / "config.json").read_text())
        weights = load_file(folder / WEIGHTS)
        digest = digest_file(folder / WEIGHTS)
        kind = config.pop("kind")
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise InputError(f"{folder} is not a finished feature network ({error}); run its stage first") from error
    if kind not in _BUILDERS:
        raise InputError(f"{folder / 'config.json'}: unknown kind {kind!r}{near_miss(kind, _BUILDERS)}")
    network = _BUILDERS[kind](config)
    network.load_state_dict(weights, assign=True)
    network.digest = digest
    return network.eval().requires_grad_(False)


def load_perceptual(folder: Path) -> PerceptualDistance:
    """The perceptual distance of a feature network's artefact folder."""
    return PerceptualDistance(load_network(folder))


def _lpips(config: dict[str, Any]) -> FeatureNetwork:
    from ldm_pipelines.feature_networks.lpips_network import LpipsNetwork  # torchvision: only where it is asked for

    return LpipsNetwork(**config)


_BUILDERS: dict[str, Callable[[dict[str, Any]], FeatureNetwork]] = {
    "classifier": lambda config: ClassifierNetwork(**config),
    "lpips": _lpips,
    "rotation": lambda config: RotationNetwork(**config),
}
