import numpy as np
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from ldm_pipelines.autoencoders.fidelity import psnr, ssim


def pair() -> tuple[torch.Tensor, torch.Tensor]:
    """Two noisy versions of random images on a black border, where zero padding and reflection agree."""
    generator = torch.Generator().manual_seed(0)
    x, y = torch.full((2, 2, 3, 40, 40), -1.0)
    content = torch.rand(2, 3, 16, 16, generator=generator) * 2 - 1
    x[:, :, 12:28, 12:28] = content
    y[:, :, 12:28, 12:28] = (content + 0.2 * torch.randn(content.shape, generator=generator)).clamp(-1, 1)
    return x, y


def as_image(x: torch.Tensor) -> np.ndarray:
    return ((x + 1) / 2).permute(1, 2, 0).double().numpy()


def test_psnr_equals_scikit_image_per_image() -> None:
    x, y = pair()
    expected = [peak_signal_noise_ratio(as_image(a), as_image(b), data_range=1) for a, b in zip(x, y, strict=True)]
    assert np.allclose(psnr(x, y), expected, rtol=1e-5)
    assert psnr(x, x).isinf().all()


def test_ssim_equals_scikit_image_per_image() -> None:
    x, y = pair()
    settings = {"data_range": 1, "channel_axis": 2, "gaussian_weights": True, "sigma": 1.5, "full": True}
    settings["use_sample_covariance"] = False
    expected = [
        structural_similarity(as_image(a), as_image(b), **settings)[1].mean() for a, b in zip(x, y, strict=True)
    ]
    assert np.allclose(ssim(x, y), expected, rtol=1e-4)
    assert torch.allclose(ssim(x, x), torch.ones(2))
