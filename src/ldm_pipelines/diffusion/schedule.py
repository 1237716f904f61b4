"""The forward process."""

from diffusers import DDIMScheduler
from torch import Tensor

from ldm_pipelines.diffusion.spec import Schedule


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
        prediction_type="epsilon",
    )


def noised(z: Tensor, alpha: Tensor, eps: Tensor) -> Tensor:
    """z_t of latents z (b, c, h, w) with noise eps, for alpha_bar ``alpha``: one per latent (b,), or one for all."""
    alpha = alpha.view(-1, 1, 1, 1)
    return alpha.sqrt() * z + (1 - alpha).sqrt() * eps
