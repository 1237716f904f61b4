"""Measures of pairs, an image and what was made of it."""

import torch
from torch import Tensor

from ldm_pipelines.autoencoders.paired import HIGHEST_PSNR, Border, psnr, ssim
from ldm_pipelines.feature_networks.features import PerceptualDistance


class PairedMetrics:
    """PSNR, SSIM and perceptual distance (``psim``) per pair; their means and population standard deviations."""

    def __init__(self, perceptual: PerceptualDistance, border: Border) -> None:
        """``border``: of SSIM, see ``ldm_pipelines.autoencoders.paired.ssim``."""
        self._perceptual, self._border = perceptual, border
        self._values: dict[str, list[Tensor]] = {"psnr": [], "ssim": [], "psim": []}

    def add(self, x: Tensor, y: Tensor) -> None:
        """Take in pairs: images (b, 3, h, w) in [-1, 1]."""
        self._values["psnr"].append(psnr(_unit(x), _unit(y)).clamp(max=HIGHEST_PSNR).cpu())
        self._values["ssim"].append(ssim(_unit(x), _unit(y), border=self._border).cpu())
        self._values["psim"].append(self._perceptual(x, y).double().cpu())

    def summary(self) -> dict[str, float]:
        metrics: dict[str, float] = {}
        for name, parts in self._values.items():
            values = torch.cat(parts).numpy()
            metrics |= {name: float(values.mean()), f"{name}_std": float(values.std())}
        return metrics


def _unit(x: Tensor) -> Tensor:
    """From [-1, 1] to [0, 1]."""
    return (x.double() + 1) / 2
