"""Published perceptual distances: LPIPS, and the unweighted one that the paper calls PSIM."""

import hashlib
from pathlib import Path
from typing import Literal

import lpips
from torch import Tensor

from ldm_pipelines.errors import InputError
from ldm_pipelines.evaluation.networks.weights import ALEXNET, LPIPS_LINEAR, VGG16, PublishedFile, resolve, sha256
from ldm_pipelines.feature_networks.features import PerceptualDistance, unit
from ldm_pipelines.feature_networks.lpips_network import LpipsNetwork, assemble

Net = Literal["vgg", "alex"]
BACKBONES = {"vgg": VGG16, "alex": ALEXNET}


class CosineDistance(PerceptualDistance):
    """PSIM: 1 - cosine of the activations, averaged over pixels, summed over stages; nothing learned but the backbone.

    ``PNet`` of ``ldm/modules/evaluate/evaluate_perceptualsim.py``, most likely what the paper's Table 8 holds: VGG16
    with the five stages and the input scaling of LPIPS. As there, a pixel with no activation at all counts as 1, even
    against itself, so equal images need not have the distance 0.
    """

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Distance (b,) between images x and y (b, 3, h, w) in [-1, 1]."""
        pairs = zip(self.network.stages(x), self.network.stages(y), strict=True)
        cosines = [(unit(a) * unit(b)).sum(dim=1).mean(dim=(1, 2)) for a, b in pairs]
        return sum((1 - cosine for cosine in cosines), start=x.new_zeros(len(x)))


def load_lpips(net: Net, weights_dir: Path, device: str, file: PublishedFile | None = None) -> PerceptualDistance:
    """LPIPS 0.1 (Zhang et al., 2018). Its digest is that of both files' digests, one after the other.

    Raises:
        InputError: the backbone's file is missing or another one, or the package lpips has other learned weights.
    """
    file = file or BACKBONES[net]
    linear = check_linear(net)
    network = _backbone(f"lpips_{net}", net, weights_dir, file)
    network.digest = hashlib.sha256((network.digest + linear).encode()).hexdigest()
    return PerceptualDistance(network).to(device)


def load_psim(weights_dir: Path, device: str, file: PublishedFile = VGG16) -> CosineDistance:
    """The paper's PSIM. Raises ``InputError`` where the weights file of VGG16 is missing or another one."""
    return CosineDistance(_backbone("psim_vgg", "vgg", weights_dir, file)).to(device)


def check_linear(net: Net) -> str:
    """SHA-256 of the learned weights of channels that the package lpips holds.

    Raises:
        InputError: they are not those of LPIPS 0.1.
    """
    path = Path(lpips.__file__).parent / "weights" / "v0.1" / f"{net}.pth"
    found = sha256(path)
    if found != LPIPS_LINEAR[net]:
        raise InputError(
            f"{path} has SHA-256 {found}, LPIPS 0.1 is published with {LPIPS_LINEAR[net]}; install lpips==0.1.4 again"
        )
    return found


def _backbone(name: str, net: Net, weights_dir: Path, file: PublishedFile) -> LpipsNetwork:
    path = resolve(file, weights_dir)
    network = assemble(name, net, path.parent)
    network.digest = sha256(path)
    return network
