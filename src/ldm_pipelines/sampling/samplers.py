"""Samplers: from noise to latents, by diffusers' schedulers. They know nothing about conditions or guidance."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import torch
from diffusers import DDIMScheduler, PNDMScheduler
from torch import Tensor

from ldm_pipelines.diffusion.image_noise import ImageNoise
from ldm_pipelines.errors import InputError
from ldm_pipelines.sampling.ddim_steps import check_steps
from ldm_pipelines.sampling.guidance import Denoise
from ldm_pipelines.sampling.schedulers import build_scheduler
from ldm_pipelines.sampling.spec import DDIM, PLMS, DiffusersSampler, Sampler

DrawNoise = Callable[[], Tensor]
FROM_NOISE_ALONE = {"PNDMScheduler": "plms", "LMSDiscreteScheduler": "dpm_solver"}
"""Schedulers of diffusers whose multistep rule is wrong unless it has taken the first step, and what to use instead."""


def trajectory(
    denoise: Denoise,
    x: Tensor,
    trained: DDIMScheduler,
    sampler: Sampler,
    noise: ImageNoise,
    *,
    origin: Tensor | None = None,
    strength: float = 1.0,
) -> Iterator[Tensor]:
    """The states (b, c, h, w) after each step of ``sampler``, from standard Gaussian ``x``; the last is the result.

    ``trained`` is the model's scheduler, ``noise`` draws what random samplers add. With latents ``origin`` of images,
    it starts from these with noise ``x`` and runs only the last ``strength`` (0 to 1) of the steps (SDEdit, Meng et
    al., 2022); none for 0. States between first and last are in the scheduler's own scale.

    Raises:
        InputError: the steps or the scheduler do not fit the model.
    """
    check_steps(sampler, trained.config.num_train_timesteps)
    scheduler = build_scheduler(sampler, trained)
    scheduler.set_timesteps(sampler.steps, device=x.device)
    skip = 0 if origin is None else sampler.steps - round(strength * sampler.steps)
    if skip == sampler.steps:
        return
    if skip and isinstance(sampler, DiffusersSampler) and sampler.scheduler in FROM_NOISE_ALONE:
        instead = FROM_NOISE_ALONE[sampler.scheduler]
        raise InputError(f"diffusers' {sampler.scheduler} can't start from an image; use the sampler of kind {instead}")
    x = x * scheduler.init_noise_sigma if origin is None else _noised(scheduler, origin, x, skip)
    match sampler:
        case DDIM():
            yield from ddim_trajectory(denoise, x, scheduler, eta=sampler.eta, draw_noise=noise, skip=skip)
        case PLMS():
            yield from plms_trajectory(denoise, x, scheduler, skip=skip)
        case _:
            yield from _scheduler_trajectory(denoise, x, scheduler, noise.generators, skip)


def ddim_trajectory(
    denoise: Denoise, x: Tensor, scheduler: DDIMScheduler, *, eta: float, draw_noise: DrawNoise, skip: int = 0
) -> Iterator[Tensor]:
    """The states (b, c, h, w) after each DDIM step from ``x`` at T, or at the ``skip``-th step (Song et al., 2021).

    The scheduler's time steps are set. ``draw_noise`` is called once per step when ``eta`` > 0, the last step included,
    as in the released code.
    """
    for t in scheduler.timesteps[skip:]:
        eps = denoise(x, t)
        noise = draw_noise() if eta > 0 else None
        x = scheduler.step(eps, t, x, eta=eta, variance_noise=noise, return_dict=False)[0]
        yield x


def plms_trajectory(denoise: Denoise, x: Tensor, scheduler: Any, *, skip: int = 0) -> Iterator[Tensor]:
    """The states of diffusers' ``PNDMScheduler`` without Runge-Kutta steps, whose time steps are set.

    The first step is an improved Euler step: it looks one step ahead, and takes the mean of both slopes. The look-ahead
    is no state of its own.
    """
    times = scheduler.timesteps.unique().flip(0)[skip:]
    for number, t in enumerate(torch.cat([times[:2], times[1:]])):
        x = scheduler.step(denoise(x, t), t, x, return_dict=False)[0]
        if number > 0 or len(times) == 1:
            yield x


def _scheduler_trajectory(
    denoise: Denoise, x: Tensor, scheduler: Any, generators: list[torch.Generator], skip: int
) -> Iterator[Tensor]:
    """The states of any scheduler whose time steps are set. Second-order ones have two per step."""
    draws = {"generator": generators} if "generator" in inspect.signature(scheduler.step).parameters else {}
    for t in scheduler.timesteps[_place(scheduler, skip) :]:
        eps = denoise(scheduler.scale_model_input(x, t), t)
        x = scheduler.step(eps, t, x, return_dict=False, **draws)[0]
        yield x


def _noised(scheduler: Any, origin: Tensor, x: Tensor, skip: int) -> Tensor:
    """``origin`` with as much of the noise ``x`` as there is at the ``skip``-th step."""
    place = _place(scheduler, skip)
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(place)
    noised: Tensor = scheduler.add_noise(origin, x, scheduler.timesteps[place : place + 1])
    return noised


def _place(scheduler: Any, skip: int) -> int:
    """The index of the ``skip``-th step among the time steps; PLMS has its second one twice."""
    return skip * int(scheduler.order) + (skip > 1 and isinstance(scheduler, PNDMScheduler))
