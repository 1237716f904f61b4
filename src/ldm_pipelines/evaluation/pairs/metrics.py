"""Measures of pairs, an image and what was made of it."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ldm_pipelines.autoencoders.paired import HIGHEST_PSNR, psnr, ssim
from ldm_pipelines.evaluation.batches import in_full_batches
from ldm_pipelines.evaluation.measured import INTERVALS, Measured, intervals
from ldm_pipelines.evaluation.metrics.bootstrap import SEED, bootstrap_mean
from ldm_pipelines.evaluation.provenance import describe_distance
from ldm_pipelines.feature_networks.features import PerceptualDistance

PSNR = "data range 1, mean over images"
SSIM = "11x11 Gaussian window, sigma 1.5, zero padding, data range 1, mean over images"
"""The paper's, of reconstructions and of restored images alike; scikit-image's keeps to where the window fits."""
OF_PAIRS = f"95 %, over draws of the pairs (bootstrap, seed {SEED})"


class PairedMetrics:
    """PSNR, SSIM and perceptual distance per pair; their means, population standard deviations and intervals.

    The distance is called ``lpips`` where its network is, else ``psim``.
    """

    def __init__(self, perceptual: PerceptualDistance | None) -> None:
        """Without ``perceptual`` no distance."""
        self._perceptual = perceptual
        self.network = None if perceptual is None else describe_distance(perceptual)
        """Which distance it is."""
        self._values: dict[str, list[Tensor]] = {"psnr": [], "ssim": []}
        if self.network:
            self._distance = "lpips" if self.network["kind"].startswith("lpips") else "psim"
            self._values[self._distance] = []

    def add(self, x: Tensor, y: Tensor) -> None:
        """Take in pairs: b <= ``BATCH`` images (b, 3, h, w) in [-1, 1]."""
        self._values["psnr"].append(psnr(_unit(x), _unit(y)).clamp(max=HIGHEST_PSNR).cpu())
        self._values["ssim"].append(ssim(_unit(x), _unit(y), border="zeros").cpu())
        if self._perceptual:
            with torch.inference_mode():
                distances = in_full_batches(self._perceptual, x, y)
            self._values[self._distance].append(distances.double().cpu())

    def values(self) -> dict[str, NDArray[np.float64]]:
        """Each metric of all pairs so far, (n,)."""
        return {name: torch.cat(parts).double().numpy() for name, parts in self._values.items()}

    def measured(self) -> Measured:
        """Means, deviations, 95 % intervals of the means."""
        values = self.values()
        metrics = {name: float(numbers.mean()) for name, numbers in values.items()}
        metrics |= {f"{name}_std": float(numbers.std()) for name, numbers in values.items()}
        found = {name: bootstrap_mean(numbers, seed=SEED) for name, numbers in values.items() if len(numbers) > 1}
        protocol: dict[str, Any] = {"psnr": PSNR, "ssim": SSIM}
        if self.network:
            network = self.network
            protocol[self._distance] = (
                f"perceptual distance of {network['name']} ({network['kind']}, {network['digest'][:12]})"
            )
        if found:
            protocol[INTERVALS] = dict.fromkeys(found, OF_PAIRS)
        return Measured(dict(sorted(metrics.items())), protocol, intervals(found))


def _unit(x: Tensor) -> Tensor:
    """From [-1, 1] to [0, 1]."""
    return (x.double() + 1) / 2
