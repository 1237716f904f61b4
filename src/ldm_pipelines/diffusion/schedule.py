"""The forward process, and what a denoiser predicts of it."""

from diffusers import DDIMScheduler
from torch import Tensor, lerp

from ldm_pipelines.diffusion.spec import Prediction, Schedule


def ddim_scheduler(schedule: Schedule) -> DDIMScheduler:
    """diffusers' DDIM with the released code's semantics.

    beta_t = linspace(sqrt(b0), sqrt(b1), T)^2 ("linear" in the released configs); time steps range(0, T, T/S) + 1; the
    last step ends at alpha-bar of index 0, not at 1; x0 is not clipped (``ldm/models/diffusion/ddim.py``).
    """
    return DDIMScheduler(
        num_train_timesteps=schedule.timesteps,
        beta_start=schedule.beta_start,
        beta_end=schedule.beta_end,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        timestep_spacing="leading",
        prediction_type=schedule.prediction,
    )


def alpha_bar(alphas_cumprod: Tensor, t: Tensor) -> Tensor:
    """alpha_bar at the time steps t; some schedulers of diffusers visit steps between the trained ones."""
    if not t.is_floating_point():
        return alphas_cumprod[t]
    below = t.floor().long().clamp(0, len(alphas_cumprod) - 1)
    above = t.ceil().long().clamp(0, len(alphas_cumprod) - 1)
    return lerp(alphas_cumprod[below], alphas_cumprod[above], (t - below).to(alphas_cumprod))


def noised(z: Tensor, alpha: Tensor, eps: Tensor) -> Tensor:
    """z_t of latents z (b, c, h, w) with noise eps, for alpha_bar ``alpha``: one per latent (b,), or one for all."""
    alpha = alpha.view(-1, 1, 1, 1)
    return alpha.sqrt() * z + (1 - alpha).sqrt() * eps


def target(prediction: Prediction, z: Tensor, alpha: Tensor, eps: Tensor) -> Tensor:
    """What a denoiser of that kind has to give for ``noised(z, alpha, eps)``."""
    if prediction == "epsilon":
        return eps
    return z if prediction == "sample" else noised(eps, alpha, -z)


def noise_in(prediction: Prediction, output: Tensor, z_t: Tensor, alpha: Tensor) -> Tensor:
    """The noise eps in z_t that a denoiser's ``output`` stands for."""
    if prediction == "epsilon":
        return output
    alpha = alpha.view(-1, 1, 1, 1)
    if prediction == "sample":
        return (z_t - alpha.sqrt() * output) / (1 - alpha).sqrt()
    return noised(output, alpha, z_t)
