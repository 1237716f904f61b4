"""Guidance is a wrapper around the denoiser; samplers see one function eps(x, t)."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ldm_pipelines.diffusion.conditioning import Condition

Denoise = Callable[[Tensor, Tensor], Tensor]
"""eps (b, c, h, w) of noisy latents x (b, c, h, w) at the time step t (scalar)."""


def conditioned(denoiser: nn.Module, condition: Condition) -> Denoise:
    """The denoiser with its condition filled in."""

    def denoise(x: Tensor, t: Tensor) -> Tensor:
        eps: Tensor = denoiser(x, t, encoder_hidden_states=condition["crossattn"], return_dict=False)[0]
        return eps

    return denoise


def classifier_free(denoiser: nn.Module, condition: Condition, null: Condition, scale: float) -> Denoise:
    """eps_u + scale (eps_c - eps_u), both halves in one batch (Ho & Salimans, 2021; scale = w + 1).

    A ``scale`` of 1 is the conditional model and costs one evaluation, 0 the unconditional one.
    """
    if scale == 1:
        return conditioned(denoiser, condition)
    both: Condition = {"crossattn": torch.cat([null["crossattn"], condition["crossattn"]])}
    denoise_both = conditioned(denoiser, both)

    def denoise(x: Tensor, t: Tensor) -> Tensor:
        eps_null, eps = denoise_both(torch.cat([x, x]), t).chunk(2)
        return eps_null + scale * (eps - eps_null)

    return denoise
