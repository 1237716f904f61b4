"""Samplers: from noise to latents, by diffusers' schedulers."""

from collections.abc import Callable, Iterator, Sequence

import torch
from diffusers import DDIMScheduler
from torch import Tensor

from ldm_pipelines.diffusion.guidance import Denoise

DrawNoise = Callable[[], Tensor]


def ddim_trajectory(
    denoise: Denoise, x: Tensor, scheduler: DDIMScheduler, *, steps: int, eta: float, draw_noise: DrawNoise
) -> Iterator[Tensor]:
    """The states (b, c, h, w) after each DDIM step from ``x`` at T (Song et al., 2021).

    ``draw_noise`` is called once per step when ``eta`` > 0, the last step included, as in the released code.
    """
    scheduler.set_timesteps(steps, device=x.device)
    for t in scheduler.timesteps:
        eps = denoise(x, t)
        noise = draw_noise() if eta > 0 else None
        x = scheduler.step(eps, t, x, eta=eta, variance_noise=noise, return_dict=False)[0]
        yield x


class ImageNoise:
    """Gaussian noise with one generator per image, on the CPU: a batch's neighbours and the device change nothing."""

    def __init__(self, seeds: Sequence[int], shape: tuple[int, int, int], device: str) -> None:
        self._generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        self._shape, self._device = shape, device

    def __call__(self) -> Tensor:
        """The next draw (b, c, h, w)."""
        return torch.stack([torch.randn(self._shape, generator=g) for g in self._generators]).to(self._device)
