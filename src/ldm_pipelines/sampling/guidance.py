"""Guidance is a wrapper around the denoiser; samplers see one function eps(x, t).

Wrappers nest: classifier-free guidance inside, then the noisy-latent classifier, then the image. Those that follow a
gradient switch autograd on themselves, so sample under ``torch.no_grad`` (``inference_mode`` can't be left again).
"""

from collections.abc import Callable, Mapping
from typing import cast

import torch
from torch import Tensor
from torch.nn import functional

from ldm_pipelines.diffusion.conditioners.conditioner import Condition
from ldm_pipelines.diffusion.schedule import alpha_bar

Predict = Callable[[Tensor, Tensor, Condition], Tensor]
"""eps (b, c, h, w) of noisy latents x (b, c, h, w) at the time step t (scalar) under a condition."""
Denoise = Callable[[Tensor, Tensor], Tensor]
"""eps (b, c, h, w) of noisy latents x (b, c, h, w) at the time step t (scalar)."""
Classify = Callable[[Tensor, Tensor], Tensor]
"""Logits (b, classes) of noisy latents x (b, c, h, w) at the time step t (scalar)."""


def conditioned(predict: Predict, condition: Condition) -> Denoise:
    """The model with its condition filled in."""
    return lambda x, t: predict(x, t, condition)


def classifier_free(predict: Predict, condition: Condition, null: Condition, scale: float) -> Denoise:
    """eps_u + scale (eps_c - eps_u), both halves in one batch (Ho & Salimans, 2021; scale = w + 1).

    A ``scale`` of 1 is the conditional model, in one evaluation; 0 is the unconditional one, but evaluates both halves.
    """
    if scale == 1:
        return conditioned(predict, condition)
    nothing, something = cast(Mapping[str, Tensor], null), cast(Mapping[str, Tensor], condition)
    both = cast(Condition, {part: torch.cat([nothing[part], something[part]]) for part in something})

    def denoise(x: Tensor, t: Tensor) -> Tensor:
        eps_null, eps = predict(torch.cat([x, x]), t, both).chunk(2)
        return eps_null + scale * (eps - eps_null)

    return denoise


def classifier_guided(
    denoise: Denoise, classify: Classify, labels: Tensor, scale: float, alphas_cumprod: Tensor
) -> Denoise:
    """eps - sqrt(1 - alpha_bar) scale grad log p(labels | x_t) (Dhariwal & Nichol, 2021, Algorithm 2; LDM-8-G).

    ``labels`` (b,) are classes; ``alphas_cumprod`` (timesteps,) is the noise schedule. A ``scale`` of 1 turns an exact
    eps(x_t) into an exact eps(x_t | label) where the classifier is exact.
    """

    def guided(x: Tensor, t: Tensor) -> Tensor:
        with torch.enable_grad():
            x_t = x.detach().requires_grad_()
            log_p = functional.log_softmax(classify(x_t, t), dim=1).gather(1, labels[:, None]).sum()
            (gradient,) = torch.autograd.grad(log_p, x_t)
        return denoise(x, t) - (1 - alpha_bar(alphas_cumprod, t)).sqrt() * scale * gradient

    return guided


def image_guided(
    denoise: Denoise, decode: Callable[[Tensor], Tensor], low_res: Tensor, scale: float, alphas_cumprod: Tensor
) -> Denoise:
    """eps + sqrt(1 - alpha_bar) scale / v grad 1/2 |low_res - D(decode(x0(x_t)))|^2 (Sec. C, Eq. 16).

    ``low_res`` (b, 3, h, w) in [-1, 1] is the image to agree with, ``decode`` takes model latents to images in
    [-1, 1], D is their anti-aliased bicubic reduction (also where the low-res image was degraded in other ways: it has
    to be differentiable), x0(x_t) the denoiser's estimate; the squares are summed over the pixels of an image. The
    gradient goes through the denoiser.

    v is the variance of a low-res pixel given x_t. The paper's equation has v = 1, with pixels that hardly differ by a
    tenth that guides nowhere. As in pseudo-inverse guidance (Song et al., 2023), we take x0 for N(x0(x_t), 1 -
    alpha_bar), so v = (1 - alpha_bar) |J'r|^2 / |r|^2 with the residual r and the Jacobian J of D(decode(.)), for each
    image. A ``scale`` of 1 then treats the low-res image as exact. (The paper adds the gradient of log p to eps; like
    Dhariwal & Nichol, from whom it takes the rule, we subtract it.)
    """

    def guided(x: Tensor, t: Tensor) -> Tensor:
        alpha = alpha_bar(alphas_cumprod, t)
        with torch.enable_grad():
            x_t = x.detach().requires_grad_()
            eps = denoise(x_t, t)
            x0 = (x_t - (1 - alpha).sqrt() * eps) / alpha.sqrt()
            residual = reduce(decode(x0), low_res) - low_res
            at_x0, at_x_t = torch.autograd.grad(0.5 * residual.square().sum(), (x0, x_t))
        smallest = torch.finfo(x.dtype).tiny
        variance = (1 - alpha) * _squared_norm(at_x0) / _squared_norm(residual).clamp(min=smallest)
        return eps.detach() + (1 - alpha).sqrt() * scale * at_x_t / variance.clamp(min=smallest)

    return guided


def _squared_norm(x: Tensor) -> Tensor:
    """Of each image, (b, 1, 1, 1)."""
    return x.square().sum(dim=(1, 2, 3), keepdim=True)


def reduce(images: Tensor, like: Tensor) -> Tensor:
    """Images (b, 3, h, w) at the size of ``like``: bicubic, anti-aliased, as Pillow computes it."""
    size = (like.shape[-2], like.shape[-1])
    return functional.interpolate(images, size=size, mode="bicubic", antialias=True, align_corners=False)
