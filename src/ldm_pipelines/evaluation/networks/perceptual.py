"""Published perceptual distances: LPIPS, and the unweighted one that the paper calls PSIM."""

from pathlib import Path
from typing import Literal

from torch import Tensor

from ldm_pipelines.evaluation.networks.weights import ALEXNET, VGG16, PublishedFile, resolve, sha256
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
    """LPIPS 0.1 (Zhang et al., 2018). Raises ``InputError`` where the backbone's file is missing or another one."""
    return PerceptualDistance(_backbone(f"lpips_{net}", net, weights_dir, file or BACKBONES[net])).to(device)


def load_psim(weights_dir: Path, device: str, file: PublishedFile = VGG16) -> CosineDistance:
    """The paper's PSIM. Raises ``InputError`` where the weights file of VGG16 is missing or another one."""
    return CosineDistance(_backbone("psim_vgg", "vgg", weights_dir, file)).to(device)


def _backbone(name: str, net: Net, weights_dir: Path, file: PublishedFile) -> LpipsNetwork:
    path = resolve(file, weights_dir)
    network = assemble(name, net, path.parent)
    network.digest = sha256(path)
    return network
