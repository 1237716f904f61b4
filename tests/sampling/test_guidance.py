"""Guidance where the truth is known: distributions with exact denoisers, exact classifiers and linear decoders."""

from functools import partial

import pytest
import torch
from diffusers import DDIMScheduler
from support.tiny_models import SCHEDULE, UNET
from torch import Tensor

from ldm_pipelines.diffusion.conditioners.conditioner import Condition
from ldm_pipelines.diffusion.denoiser import build_denoiser, denoise
from ldm_pipelines.diffusion.image_noise import ImageNoise
from ldm_pipelines.diffusion.schedule import ddim_scheduler
from ldm_pipelines.diffusion.spec import Denoiser
from ldm_pipelines.sampling.guidance import (
    Denoise,
    classifier_free,
    classifier_guided,
    conditioned,
    image_guided,
    reduce,
)
from ldm_pipelines.sampling.samplers import ddim_trajectory

ALPHAS = ddim_scheduler(SCHEDULE).alphas_cumprod
MEAN, STD = 0.9, 0.3


def log_densities(x: Tensor, t: Tensor) -> Tensor:
    """log p(x_t | class), up to a constant, of two classes N(-MEAN, STD^2) and N(MEAN, STD^2): (b, 2)."""
    alpha = ALPHAS[t]
    variance = alpha * STD**2 + 1 - alpha
    means = alpha.sqrt() * torch.tensor([-MEAN, MEAN])
    return -((x.flatten()[:, None] - means) ** 2) / (2 * variance)


def mixture(x: Tensor, t: Tensor) -> Tensor:
    """The exact eps of both classes together: -sqrt(1 - alpha_bar) grad log p(x_t)."""
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        (score,) = torch.autograd.grad(log_densities(x, t).logsumexp(dim=1).sum(), x)
    return -(1 - ALPHAS[t]).sqrt() * score


def scheduler(steps: int) -> DDIMScheduler:
    new = ddim_scheduler(SCHEDULE)
    new.set_timesteps(steps)
    return new


@torch.no_grad()
def draw(denoise: Denoise, count: int = 4000) -> Tensor:
    x = torch.randn(count, 1, 1, 1, generator=torch.Generator().manual_seed(0))
    *_, z = ddim_trajectory(denoise, x, scheduler(500), eta=0.0, draw_noise=ImageNoise([], (1, 1, 1), "cpu"))
    return z.flatten()


def test_an_exact_classifier_turns_an_unconditional_model_into_the_class() -> None:
    unguided = draw(mixture)
    assert (unguided > 0).float().mean().item() == pytest.approx(0.5, abs=0.03)
    labels = torch.arange(4000) % 2
    guided = draw(classifier_guided(mixture, log_densities, labels, 1.0, ALPHAS))
    for label, mean in ((0, -MEAN), (1, MEAN)):
        z = guided[labels == label]
        assert z.mean().item() == pytest.approx(mean, abs=0.02)
        assert z.std().item() == pytest.approx(STD, rel=0.05)


def test_a_larger_scale_goes_further_into_the_class() -> None:
    labels = torch.ones(4000, dtype=torch.long)
    means = [draw(classifier_guided(mixture, log_densities, labels, scale, ALPHAS)).mean() for scale in (0.2, 1.0, 4.0)]
    assert means[0] < means[1] < means[2]


def conditions(kind: str) -> tuple[Condition, Condition]:
    """Something and nothing, for three images."""
    generator = torch.Generator().manual_seed(1)
    something, nothing = Condition(), Condition()
    if kind in ("tokens", "both"):
        something["crossattn"] = torch.randn(3, 2, 8, generator=generator)
        nothing["crossattn"] = torch.zeros(3, 2, 8)
    if kind in ("channels", "both"):
        something["concat"] = torch.randn(3, 2, 8, 8, generator=generator)
        nothing["concat"] = torch.zeros(3, 2, 8, 8)
    return something, nothing


@pytest.mark.parametrize("kind", ["tokens", "channels", "both"])
@torch.no_grad()
def test_classifier_free_guidance_is_linear_in_the_scale_for_every_kind_of_condition(kind: str) -> None:
    something, nothing = conditions(kind)
    torch.manual_seed(0)
    spec = Denoiser.model_validate(UNET | {"transformer_depth": int("crossattn" in something)})
    denoiser = build_denoiser(spec, (3, 8, 8), context_dim=8, concat_channels=2 if "concat" in something else 0).eval()
    predict = partial(denoise, denoiser)
    x, t = torch.randn(3, 3, 8, 8), torch.tensor(500)
    eps_c, eps_u = conditioned(predict, something)(x, t), conditioned(predict, nothing)(x, t)
    assert (eps_c - eps_u).abs().max() > 1e-3
    for scale in (0.0, 1.0, 3.0):
        guided = classifier_free(predict, something, nothing, scale)(x, t)
        torch.testing.assert_close(guided, eps_u + scale * (eps_c - eps_u), atol=1e-4, rtol=0)


def test_image_guidance_is_the_gradient_of_the_distance_over_the_variance() -> None:
    """Against central differences, through a denoiser and a decoder that are no identities."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 3, 8, 8, generator=generator, dtype=torch.float64)
    low_res = torch.randn(2, 3, 4, 4, generator=generator, dtype=torch.float64).tanh()
    t, alphas = torch.tensor(300), ALPHAS.double()
    alpha = alphas[t]

    def denoise(x: Tensor, t: Tensor) -> Tensor:
        return 0.5 * torch.sin(x)

    def decode(z: Tensor) -> Tensor:
        return torch.tanh(0.7 * z.flip(1))

    def from_x(x: Tensor) -> Tensor:
        return (x - (1 - alpha).sqrt() * denoise(x, t)) / alpha.sqrt()

    def distance(z: Tensor) -> Tensor:
        """Of each image."""
        return 0.5 * ((low_res - reduce(decode(z), low_res)) ** 2).sum(dim=(1, 2, 3))

    with torch.no_grad():
        shift = image_guided(denoise, decode, low_res, 2.5, alphas)(x, t) - denoise(x, t)
    steps = torch.eye(192, dtype=torch.float64).view(192, 1, 3, 8, 8) * 1e-4
    to_x = torch.stack([distance(from_x(x + step)) - distance(from_x(x - step)) for step in steps]) / 2e-4
    to_z = torch.stack([distance(from_x(x) + step) - distance(from_x(x) - step) for step in steps]) / 2e-4
    variance = (1 - alpha) * (to_z**2).sum(dim=0) / (2 * distance(from_x(x)))
    expected = (1 - alpha).sqrt() * 2.5 * (to_x / variance).T.reshape(x.shape)
    torch.testing.assert_close(shift, expected, rtol=1e-5, atol=1e-7)


@torch.no_grad()
def test_image_guidance_makes_samples_agree_with_the_low_resolution_image_and_stay_natural() -> None:
    """Natural is a Gaussian, to which any low-resolution image of the right size belongs."""
    low_res = STD / 4 * torch.randn(16, 3, 4, 4, generator=torch.Generator().manual_seed(5))
    noise = ImageNoise(range(16), (3, 16, 16), "cpu")
    x = noise()

    def gaussian(x: Tensor, t: Tensor) -> Tensor:
        alpha = ALPHAS[t]
        return (1 - alpha).sqrt() * x / (alpha * STD**2 + 1 - alpha)

    distances, deviations = [], []
    for scale in (0.0, 0.3, 1.0):
        denoise = image_guided(gaussian, lambda z: z, low_res, scale, ALPHAS)
        *_, z = ddim_trajectory(denoise, x, scheduler(100), eta=0.0, draw_noise=noise)
        distances.append((reduce(z, low_res) - low_res).square().mean().sqrt().item())
        deviations.append(z.std().item())
    assert distances[1] < 0.75 * distances[0]
    assert distances[2] < 0.25 * distances[0]
    assert deviations[2] == pytest.approx(deviations[0], rel=0.03)


@torch.no_grad()
def test_an_image_that_agrees_already_is_left_alone() -> None:
    x = torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    low_res = reduce(x / ALPHAS[400].sqrt(), torch.empty(1, 3, 2, 2))
    guided = image_guided(lambda x, t: 0 * x, lambda z: z, low_res, 1.0, ALPHAS)
    assert guided(x, torch.tensor(400)).abs().max() < 1e-5


def test_the_reduction_is_pillows_bicubic() -> None:
    import numpy as np
    from PIL import Image

    image = np.random.default_rng(0).normal(size=(32, 32)).astype(np.float32)
    ours = reduce(torch.from_numpy(image)[None, None], torch.empty(1, 1, 8, 8))[0, 0].numpy()
    pillow = np.asarray(Image.fromarray(image).resize((8, 8), Image.Resampling.BICUBIC))
    np.testing.assert_allclose(ours, pillow, atol=1e-5)
