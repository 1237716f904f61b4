"""What denoisers predict, against diffusers' own conversions."""

from typing import get_args

import pytest
import torch
from support.tiny_models import SCHEDULE

from ldm_pipelines.diffusion.schedule import alpha_bar, ddim_scheduler, noise_in, noised, target
from ldm_pipelines.diffusion.spec import Prediction

PREDICTIONS = get_args(Prediction)
T = torch.tensor([0, 1, 250, 999])


def latents() -> tuple[torch.Tensor, torch.Tensor]:
    draws = torch.Generator().manual_seed(0)
    return torch.randn(4, 3, 8, 8, generator=draws), torch.randn(4, 3, 8, 8, generator=draws)


def test_noise_and_velocity_are_those_of_diffusers() -> None:
    z, eps = latents()
    scheduler = ddim_scheduler(SCHEDULE)
    alpha = alpha_bar(scheduler.alphas_cumprod, T)
    torch.testing.assert_close(noised(z, alpha, eps), scheduler.add_noise(z, eps, T))
    torch.testing.assert_close(target("v_prediction", z, alpha, eps), scheduler.get_velocity(z, eps, T))


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_the_noise_is_found_in_the_target_again(prediction: Prediction) -> None:
    z, eps = latents()
    alpha = alpha_bar(ddim_scheduler(SCHEDULE).alphas_cumprod, T)
    z_t = noised(z, alpha, eps)
    found = noise_in(prediction, target(prediction, z, alpha, eps), z_t, alpha)
    torch.testing.assert_close(found, eps, atol=2e-5, rtol=0)


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_a_step_by_the_noise_is_diffusers_step_by_the_output(prediction: Prediction) -> None:
    """Of any output, not just the right one."""
    x, output = latents()
    trained = ddim_scheduler(SCHEDULE.model_copy(update={"prediction": prediction}))
    by_noise = ddim_scheduler(SCHEDULE)
    for t in (1, 501, 981):
        for scheduler in (trained, by_noise):
            scheduler.set_timesteps(50)
        eps = noise_in(prediction, output, x, by_noise.alphas_cumprod[t])
        ours = by_noise.step(eps, t, x, return_dict=False)[0]
        torch.testing.assert_close(ours, trained.step(output, t, x, return_dict=False)[0], atol=2e-5, rtol=1e-4)


def test_alpha_bar_between_time_steps_is_interpolated() -> None:
    alphas = ddim_scheduler(SCHEDULE).alphas_cumprod
    between = alpha_bar(alphas, torch.tensor(100.25))
    assert between == pytest.approx(float(0.75 * alphas[100] + 0.25 * alphas[101]), rel=1e-5)
    assert alpha_bar(alphas, torch.tensor(999.0)) == alphas[999]
