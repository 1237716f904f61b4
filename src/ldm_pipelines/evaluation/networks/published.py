"""Published networks and distances by name; each module is imported when its network is asked for."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ldm_pipelines.errors import InputError, near_miss
from ldm_pipelines.evaluation.networks.measuring import MeasuringNetwork
from ldm_pipelines.feature_networks.features import PerceptualDistance

if TYPE_CHECKING:
    from ldm_pipelines.evaluation.networks.inception_cleanfid import Mode
    from ldm_pipelines.feature_networks.lpips_network import Net


def load_published(name: str, weights_dir: Path, device: str) -> MeasuringNetwork:
    """The network of this name (``NETWORKS``) from its file in ``weights_dir``.

    Raises:
        InputError: no such name, or the weights file is missing or another one.
    """
    if name not in NETWORKS:
        raise InputError(f"no published feature network {name!r}{near_miss(name, NETWORKS)}")
    return NETWORKS[name](weights_dir, device)


def load_distance(name: str, weights_dir: Path, device: str) -> PerceptualDistance:
    """The perceptual distance of this name (``DISTANCES``) from its file in ``weights_dir``.

    Raises:
        InputError: no such name, or the weights file is missing or another one.
    """
    if name not in DISTANCES:
        raise InputError(f"no published perceptual distance {name!r}{near_miss(name, DISTANCES)}")
    return DISTANCES[name](weights_dir, device)


def _inception_fidelity(weights_dir: Path, device: str) -> MeasuringNetwork:
    from ldm_pipelines.evaluation.networks.fidelity import InceptionFidelity

    return InceptionFidelity(weights_dir, device)


def _vgg16_fidelity(weights_dir: Path, device: str) -> MeasuringNetwork:
    from ldm_pipelines.evaluation.networks.fidelity import Vgg16Fidelity

    return Vgg16Fidelity(weights_dir, device)


def _inception_cleanfid(mode: "Mode", weights_dir: Path, device: str) -> MeasuringNetwork:
    from ldm_pipelines.evaluation.networks.inception_cleanfid import InceptionCleanfid

    return InceptionCleanfid(weights_dir, device, mode)


def _lpips(net: "Net", weights_dir: Path, device: str) -> PerceptualDistance:
    from ldm_pipelines.evaluation.networks.perceptual import load_lpips

    return load_lpips(net, weights_dir, device)


def _psim(weights_dir: Path, device: str) -> PerceptualDistance:
    from ldm_pipelines.evaluation.networks.perceptual import load_psim

    return load_psim(weights_dir, device)


NETWORKS: dict[str, Callable[[Path, str], MeasuringNetwork]] = {
    "inception_fidelity": _inception_fidelity,
    "inception_cleanfid": partial(_inception_cleanfid, "clean"),
    "inception_cleanfid_legacy_tensorflow": partial(_inception_cleanfid, "legacy_tensorflow"),
    "inception_cleanfid_legacy_pytorch": partial(_inception_cleanfid, "legacy_pytorch"),
    "vgg16_fidelity": _vgg16_fidelity,
}
DISTANCES: dict[str, Callable[[Path, str], PerceptualDistance]] = {
    "lpips_vgg": partial(_lpips, "vgg"),
    "lpips_alex": partial(_lpips, "alex"),
    "psim_vgg": _psim,
}
