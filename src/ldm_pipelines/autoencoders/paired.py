"""Distances between an image and its reconstruction."""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

WINDOW = 11
SIGMA = 1.5
HIGHEST_PSNR = 100.0
"""In dB, what a mean counts for an image that comes back without any error (the identity's): it stays finite."""
Border = Literal["inside", "zeros"]


def psnr(x: Tensor, y: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB: x, y (b, c, h, w) in [0, 1] -> (b,) float64; equal images give inf."""
    _check(x, y)
    error = (x.double() - y.double()).square().mean(dim=(1, 2, 3))
    return -10 * error.log10()


def ssim(x: Tensor, y: Tensor, *, border: Border = "inside") -> Tensor:
    """Structural similarity per image (Wang et al., 2004): x, y (b, c, h, w) in [0, 1] -> (b,) float64.

    An 11x11 Gaussian window of standard deviation 1.5, K = (0.01, 0.03), averaged over channels and places. ``border``
    "inside" keeps to the places where the window fits, as scikit-image does; "zeros" lets it stick out over zeros, as
    the evaluation of the paper's first stages does.
    """
    _check(x, y)
    if border == "inside" and min(x.shape[-2:]) < WINDOW:
        raise ValueError(f"SSIM needs images of at least {WINDOW}x{WINDOW} pixels, not {x.shape[-2]}x{x.shape[-1]}")
    x, y = x.double(), y.double()
    padding = WINDOW // 2 if border == "zeros" else 0
    mean_x, mean_y, mean_xx, mean_yy, mean_xy = (_smooth(v, padding) for v in (x, y, x * x, y * y, x * y))
    variances = (mean_xx - mean_x**2) + (mean_yy - mean_y**2)
    covariance = mean_xy - mean_x * mean_y
    c1, c2 = 0.01**2, 0.03**2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    structure = (2 * covariance + c2) / (variances + c2)
    return (luminance * structure).mean(dim=(1, 2, 3))


def _smooth(x: Tensor, padding: int) -> Tensor:
    """Gaussian window, separably: (b, c, h, w) -> (b, c, h + 2 padding - 10, w + 2 padding - 10)."""
    offsets = torch.arange(WINDOW, dtype=x.dtype, device=x.device) - WINDOW // 2
    kernel = torch.exp(-0.5 * (offsets / SIGMA) ** 2)
    kernel = kernel / kernel.sum()
    planes = x.flatten(0, 1)[:, None]
    planes = functional.conv2d(planes, kernel.view(1, 1, -1, 1), padding=(padding, 0))
    planes = functional.conv2d(planes, kernel.view(1, 1, 1, -1), padding=(0, padding))
    return planes.view(*x.shape[:2], *planes.shape[-2:])


def _check(x: Tensor, y: Tensor) -> None:
    if x.ndim != 4 or x.shape != y.shape:
        raise ValueError(f"expected two batches of images of one shape, not {tuple(x.shape)} and {tuple(y.shape)}")
