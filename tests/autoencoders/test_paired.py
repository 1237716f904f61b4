import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torchmetrics.functional.image import peak_signal_noise_ratio as tm_psnr
from torchmetrics.functional.image import structural_similarity_index_measure as tm_ssim

from ldm_pipelines.autoencoders.paired import psnr, ssim


@pytest.fixture
def pair() -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(0)
    x = rng.random((4, 3, 33, 40)).cumsum(2)
    x = x / x.max()
    y = (x + rng.normal(size=x.shape) * np.array([0.001, 0.02, 0.1, 0.5])[:, None, None, None]).clip(0, 1)
    return torch.from_numpy(x), torch.from_numpy(y)


def test_psnr_equals_scikit_image_and_torchmetrics(pair: tuple[torch.Tensor, torch.Tensor]) -> None:
    ours = psnr(*pair)
    x, y = (t.numpy() for t in pair)
    expected = [peak_signal_noise_ratio(a, b, data_range=1) for a, b in zip(x, y, strict=True)]
    np.testing.assert_allclose(ours, expected, rtol=1e-12)
    torch.testing.assert_close(ours, tm_psnr(*pair, data_range=1.0, reduction="none", dim=(1, 2, 3)).double())


def test_ssim_equals_scikit_image_and_torchmetrics(pair: tuple[torch.Tensor, torch.Tensor]) -> None:
    ours = ssim(*pair)
    expected = [
        structural_similarity(
            a, b, data_range=1, channel_axis=0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        )
        for a, b in zip(pair[0].numpy(), pair[1].numpy(), strict=True)
    ]
    np.testing.assert_allclose(ours, expected, rtol=1e-9)
    # torchmetrics pads by reflection; where the window fits, its map is the same
    _, similarity = tm_ssim(*pair, data_range=1.0, reduction="none", return_full_image=True)
    torch.testing.assert_close(ours, similarity[..., 5:-5, 5:-5].mean(dim=(1, 2, 3)), rtol=1e-9, atol=0)


def test_a_border_of_zeros_is_the_average_over_images_embedded_in_zeros(
    pair: tuple[torch.Tensor, torch.Tensor],
) -> None:
    embedded = [torch.nn.functional.pad(v, (5, 5, 5, 5)) for v in pair]
    torch.testing.assert_close(ssim(*pair, border="zeros"), ssim(*embedded), rtol=1e-9, atol=0)


def test_equal_images_have_ssim_one_and_no_error() -> None:
    x = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(ssim(x, x), torch.ones(2, dtype=torch.float64))
    assert psnr(x, x).isinf().all()


def test_a_uniform_error_has_its_analytic_psnr() -> None:
    assert psnr(torch.zeros(1, 3, 4, 4), torch.full((1, 3, 4, 4), 0.1)).item() == pytest.approx(20.0, abs=1e-6)


def test_refuses_small_images_and_unequal_shapes() -> None:
    with pytest.raises(ValueError, match="at least 11x11"):
        ssim(torch.zeros(1, 3, 10, 32), torch.zeros(1, 3, 10, 32))
    with pytest.raises(ValueError, match="one shape"):
        psnr(torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 8, 9))
