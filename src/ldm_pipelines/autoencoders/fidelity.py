"""How close a reconstruction is to its image, per image: PSNR and SSIM."""

import torch
import torch.nn.functional as F
from torch import Tensor

WINDOW, SIGMA = 11, 1.5


def psnr(x: Tensor, y: Tensor) -> Tensor:
    """Peak signal-to-noise ratio (b,) in dB of images (b, 3, h, w) in [-1, 1]; infinite for equal images."""
    error = (x - y).square().mean(dim=(1, 2, 3)) / 4  # as for images in [0, 1]
    return -10 * error.log10()


def ssim(x: Tensor, y: Tensor) -> Tensor:
    """Structural similarity (b,) of images (b, 3, h, w) in [-1, 1] (Wang et al., 2004), mean over pixels and channels.

    Gaussian window of 11 pixels, sigma 1.5, data range 1, zero padding, as in the evaluation of the paper's models.
    """
    a, b = (x + 1) / 2, (y + 1) / 2
    channels = a.shape[1]
    offsets = torch.arange(WINDOW, dtype=a.dtype, device=a.device) - WINDOW // 2
    window = torch.exp(-(offsets**2) / (2 * SIGMA**2))
    window = torch.outer(window, window) / window.sum() ** 2
    kernel = window.expand(channels, 1, WINDOW, WINDOW)

    def local_mean(values: Tensor) -> Tensor:
        return F.conv2d(values, kernel, padding=WINDOW // 2, groups=channels)

    mean_a, mean_b = local_mean(a), local_mean(b)
    var_a = local_mean(a * a) - mean_a**2
    var_b = local_mean(b * b) - mean_b**2
    covariance = local_mean(a * b) - mean_a * mean_b
    c1, c2 = 0.01**2, 0.03**2
    similarity = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    similarity = similarity / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))
    return similarity.mean(dim=(1, 2, 3))
