"""The forward process and the samplers' time steps."""

from diffusers import DDIMScheduler

from ldm_pipelines.diffusion.spec import Schedule
from ldm_pipelines.errors import InputError


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


def check_ddim_steps(steps: int, timesteps: int) -> None:
    """Refuse a number of steps that does not divide ``timesteps``, or that skips none.

    The released code silently runs another number (150 requested, 167 run) or fails with an index error for these.
    """
    valid = [s for s in range(1, timesteps) if timesteps % s == 0]
    if steps in valid:
        return
    nearest = [*[s for s in valid if s < steps][-1:], *[s for s in valid if s > steps][:1]]
    raise InputError(
        f"sampler.steps = {steps}: DDIM steps must divide the {timesteps} training time steps; "
        f"nearest valid: {' and '.join(map(str, nearest))}"
    )
