"""Published perceptual distances: LPIPS, and the unweighted one that the paper calls PSIM."""

from pathlib import Path

import torch
from torch import Tensor

from ldm_pipelines.feature_networks.features import PerceptualDistance, unit
from ldm_pipelines.feature_networks.lpips_network import Net, assemble
from ldm_pipelines.feature_networks.published_files import VGG16, PublishedFile


class CosineDistance(PerceptualDistance):
    """PSIM: 1 - cosine of the activations, averaged over pixels, summed over stages; nothing learned but the backbone.

    ``PNet`` of ``ldm/modules/evaluate/evaluate_perceptualsim.py``, most likely what the paper's Table 8 holds: VGG16
    with the five stages and the input scaling of LPIPS. As there, a pixel with no activation at all counts as 1, even
    against itself, so equal images need not have the distance 0.
    """

    def between(self, x: list[Tensor], y: list[Tensor]) -> Tensor:
        cosines = [(unit(a) * unit(b)).sum(dim=1).mean(dim=(1, 2)) for a, b in zip(x, y, strict=True)]
        return sum((1 - cosine for cosine in cosines), start=torch.zeros(len(x[0]), device=x[0].device))


def load_lpips(net: Net, weights_dir: Path, device: str, file: PublishedFile | None = None) -> PerceptualDistance:
    """LPIPS as ``assemble`` builds it, with the backbone ``file`` or the published one; it raises what that raises."""
    return PerceptualDistance(assemble(f"lpips_{net}", net, weights_dir, file)).to(device)


def load_psim(weights_dir: Path, device: str, file: PublishedFile = VGG16) -> CosineDistance:
    """The paper's PSIM. Raises ``InputError`` where the weights file of VGG16 is missing or another one."""
    network = assemble("psim_vgg", "vgg", weights_dir, file)
    network.digest = file.sha256  # what LPIPS has learned plays no part
    return CosineDistance(network).to(device)
