"""Samplers on a distribution whose denoiser is known exactly; the released trajectories are in test_oracles.py."""

import math
from typing import Any

import pytest
import torch
from pydantic import TypeAdapter
from support.tiny_models import SCHEDULE
from torch import Tensor

from ldm_pipelines.diffusion.image_noise import ImageNoise
from ldm_pipelines.diffusion.schedule import alpha_bar, ddim_scheduler
from ldm_pipelines.errors import InputError
from ldm_pipelines.sampling.ddim_steps import check_steps
from ldm_pipelines.sampling.samplers import trajectory
from ldm_pipelines.sampling.schedulers import known_schedulers
from ldm_pipelines.sampling.spec import Sampler

TRAINED = ddim_scheduler(SCHEDULE)
ALPHAS = TRAINED.alphas_cumprod
STD = 0.8
SHAPE = (3, 16, 16)


def sampler(kind: str, steps: int, **parameters: Any) -> Sampler:
    return TypeAdapter(Sampler).validate_python({"kind": kind, "steps": steps, **parameters})


def of_diffusers(name: str, steps: int = 60, **arguments: Any) -> Sampler:
    return sampler("diffusers", steps, scheduler=name, arguments=arguments)


def gaussian(x: Tensor, t: Tensor) -> Tensor:
    """The exact eps(x, t) of data from N(0, STD^2)."""
    alpha = alpha_bar(ALPHAS, t)
    return (1 - alpha).sqrt() * x / (alpha * STD**2 + 1 - alpha)


def draw(spec: Sampler, count: int = 8, first: int = 0, **start: Any) -> Tensor:
    noise = ImageNoise(range(first, first + count), SHAPE, "cpu")
    *_, z = trajectory(gaussian, noise(), TRAINED, spec, noise, **start)
    return z


SAMPLERS = {
    "DDIM": (sampler("ddim", 250, eta=0.0), 0.01),
    "DDIM, stochastic": (sampler("ddim", 500, eta=1.0), 0.015),
    "PLMS": (sampler("plms", 50), 0.01),
    "DPM-Solver++ 1": (sampler("dpm_solver", 250, order=1), 0.02),
    "DPM-Solver++ 2": (sampler("dpm_solver", 100, order=2), 0.02),
    "DPM-Solver++ 3": (sampler("dpm_solver", 100, order=3), 0.02),
    "Euler": (of_diffusers("EulerDiscreteScheduler", 250), 0.02),
    "Euler, ancestral": (of_diffusers("EulerAncestralDiscreteScheduler", 500), 0.02),
    "Heun": (of_diffusers("HeunDiscreteScheduler"), 0.02),
    "DPM2": (of_diffusers("KDPM2DiscreteScheduler", 30), 0.02),
    "DPM2, ancestral": (of_diffusers("KDPM2AncestralDiscreteScheduler", 80), 0.03),
    "DPM++ SDE": (of_diffusers("DPMSolverMultistepScheduler", 100, algorithm_type="sde-dpmsolver++"), 0.02),
    "UniPC": (of_diffusers("UniPCMultistepScheduler"), 0.03),
    "DEIS": (of_diffusers("DEISMultistepScheduler"), 0.03),
}


@pytest.mark.parametrize("name", SAMPLERS)
def test_samples_of_a_gaussian_have_its_standard_deviation(name: str) -> None:
    spec, tolerance = SAMPLERS[name]
    z = draw(spec, count=16)
    assert z.std().item() == pytest.approx(STD, rel=tolerance + 0.007)  # 0.7% is what 12288 numbers leave to chance
    assert abs(z.mean().item()) < 0.03


@pytest.mark.parametrize("steps", [50, 1000])
def test_ddpm_has_the_variance_that_the_posterior_gives(steps: int) -> None:
    """The recursion of the variance, from Ho et al. (2020), Eq. 6 and 7, in 64 bit."""
    visited = range(0, 1000, 1000 // steps)
    alphas = ALPHAS.double().tolist()
    variance = 1.0
    for t in reversed(visited):
        now, before = alphas[t], alphas[t - 1000 // steps] if t else 1.0
        beta = 1 - now / before
        to_x0 = math.sqrt(now) * STD**2 / (now * STD**2 + 1 - now)  # E[x0 | x_t] = to_x0 * x_t
        slope = (math.sqrt(before) * beta * to_x0 + math.sqrt(now / before) * (1 - before)) / (1 - now)
        variance = slope**2 * variance + (1 - before) / (1 - now) * beta
    z = draw(sampler("ddpm", steps), count=16)
    assert z.std().item() == pytest.approx(math.sqrt(variance), rel=0.02)


EVERY_SAMPLER = [
    sampler("ddim", 10, eta=0.7), sampler("ddpm", 10), sampler("plms", 10), sampler("dpm_solver", 10, order=3),
    *(of_diffusers(name, 10) for name in known_schedulers() if "CogVideoX" not in name),
]  # fmt: skip


@pytest.mark.parametrize("spec", EVERY_SAMPLER, ids=lambda spec: getattr(spec, "scheduler", spec.kind))
def test_an_image_does_not_depend_on_its_batch(spec: Sampler) -> None:
    together = draw(spec, count=3)
    torch.testing.assert_close(draw(spec, count=1, first=1)[0], together[1], rtol=0, atol=0)


@pytest.mark.parametrize("spec", EVERY_SAMPLER, ids=lambda spec: getattr(spec, "scheduler", spec.kind))
def test_other_seeds_give_other_images(spec: Sampler) -> None:
    z = draw(spec, count=2)
    assert (z[0] - z[1]).abs().mean() > 0.1


def test_an_unknown_scheduler_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(InputError, match=r"no scheduler 'EulerDiscrete' .* did you mean 'EulerDiscreteScheduler'"):
        draw(of_diffusers("EulerDiscrete"))


@pytest.mark.parametrize("name", ["UNet2DModel", "FlowMatchEulerDiscreteScheduler", "DDIMInverseScheduler"])
def test_what_is_no_sampler_of_such_models_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="diffusers has no scheduler"):
        draw(of_diffusers(name))


def test_wrong_arguments_of_a_scheduler_are_refused() -> None:
    with pytest.raises(InputError, match="has no such argument; did you mean 'use_karras_sigmas'"):
        draw(of_diffusers("EulerDiscreteScheduler", use_karras_sigma=True))
    with pytest.raises(InputError, match=r"sampler.arguments.beta_start belongs to the trained model"):
        draw(of_diffusers("EulerDiscreteScheduler", beta_start=0.1))
    with pytest.raises(InputError, match="refuses them"):
        draw(of_diffusers("DPMSolverMultistepScheduler", solver_type="gauss"))


def test_a_scheduler_that_changes_the_noise_schedule_is_refused() -> None:
    with pytest.raises(InputError, match="changes the noise schedule"):
        draw(of_diffusers("DDIMScheduler", rescale_betas_zero_snr=True))
    with pytest.raises(InputError, match="changes the noise schedule"):
        draw(of_diffusers("CogVideoXDDIMScheduler"))


def test_the_number_of_steps_is_checked_for_each_sampler() -> None:
    check_steps(sampler("ddpm", 1000), 1000)
    check_steps(sampler("dpm_solver", 17, order=2), 1000)
    for spec in (sampler("ddim", 1000, eta=0.0), sampler("plms", 1000), sampler("ddpm", 300)):
        with pytest.raises(InputError, match=f"{spec.kind.upper()} steps must divide the 1000 training time steps"):
            check_steps(spec, 1000)
    with pytest.raises(InputError, match="the model has 1000 time steps"):
        check_steps(sampler("dpm_solver", 1001, order=2), 1000)


STARTS = [
    sampler("ddim", 100, eta=0.0), sampler("ddim", 100, eta=1.0), sampler("ddpm", 250), sampler("plms", 50),
    sampler("dpm_solver", 50, order=2), of_diffusers("EulerDiscreteScheduler", 100),
    of_diffusers("HeunDiscreteScheduler", 50),
]  # fmt: skip


@pytest.mark.parametrize("spec", STARTS, ids=lambda spec: getattr(spec, "scheduler", spec.kind))
def test_a_start_from_latents_keeps_the_distribution_and_more_of_them_the_weaker_it_is(spec: Sampler) -> None:
    origin = STD * torch.randn(16, *SHAPE, generator=torch.Generator().manual_seed(0))
    correlations = []
    for strength in (0.1, 0.4, 0.8):
        z = draw(spec, count=16, origin=origin, strength=strength)
        assert z.std().item() == pytest.approx(STD, rel=0.05)
        correlations.append(torch.corrcoef(torch.stack([z.flatten(), origin.flatten()]))[0, 1].item())
    assert correlations[0] > correlations[1] > correlations[2]
    assert correlations[0] > 0.75
    assert correlations[2] < 0.4


def test_no_step_is_run_at_strength_zero() -> None:
    noise = ImageNoise([0], SHAPE, "cpu")
    spec = sampler("plms", 50)
    assert list(trajectory(gaussian, noise(), TRAINED, spec, noise, origin=noise(), strength=0.0)) == []


@pytest.mark.parametrize("strength", [0.9, 0.5, 0.2])
@pytest.mark.parametrize("spec", STARTS, ids=lambda spec: getattr(spec, "scheduler", spec.kind))
def test_a_start_from_latents_has_the_noise_of_the_first_time_step(spec: Sampler, strength: float) -> None:
    seen = []

    def denoise(x: Tensor, t: Tensor) -> Tensor:
        seen.append((x, alpha_bar(ALPHAS, t)))
        return gaussian(x, t)

    noise = ImageNoise([0], SHAPE, "cpu")
    start, origin = noise(), noise()
    few = spec.model_copy(update={"steps": 10})  # far apart
    next(trajectory(denoise, start, TRAINED, few, noise, origin=origin, strength=strength))
    x, alpha = seen[0]
    torch.testing.assert_close(x, alpha.sqrt() * origin + (1 - alpha).sqrt() * start, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "arguments", "instead"),
    [
        ("PNDMScheduler", {}, "plms"),
        ("PNDMScheduler", {"skip_prk_steps": True}, "plms"),
        ("LMSDiscreteScheduler", {}, "dpm_solver"),
    ],
)
def test_schedulers_that_only_start_from_noise_are_refused(name: str, arguments: dict[str, Any], instead: str) -> None:
    with pytest.raises(InputError, match=f"{name} can't start from an image; use the sampler of kind {instead}"):
        draw(of_diffusers(name, 50, **arguments), origin=torch.zeros(8, *SHAPE), strength=0.5)
