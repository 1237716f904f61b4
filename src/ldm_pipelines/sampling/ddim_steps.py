"""Which numbers of sampling steps there are. Without PyTorch: the study is checked by it before anything runs."""

from ldm_pipelines.errors import InputError
from ldm_pipelines.sampling.spec import STEPS_DIVIDE, Sampler


def check_steps(sampler: Sampler, timesteps: int) -> None:
    """Refuse a number of steps that the sampler can't run on a schedule of ``timesteps`` exactly as asked.

    DDPM may run all time steps; DDIM and PLMS, whose steps begin one later, may not.
    """
    if sampler.kind == "ddpm" and sampler.steps == timesteps:
        return
    if sampler.kind in STEPS_DIVIDE:
        check_ddim_steps(sampler.steps, timesteps, sampler.kind.upper())
    elif sampler.steps > timesteps:
        raise InputError(f"sampler.steps = {sampler.steps}: the model has {timesteps} time steps, use fewer")


def check_ddim_steps(steps: int, timesteps: int, sampler: str = "DDIM") -> None:
    """Refuse a number of steps that does not divide ``timesteps``, or that skips none.

    The released code silently runs another number (150 requested, 167 run) or fails with an index error for these.
    """
    valid = [s for s in range(1, timesteps) if timesteps % s == 0]
    if steps in valid:
        return
    nearest = [*[s for s in valid if s < steps][-1:], *[s for s in valid if s > steps][:1]]
    raise InputError(
        f"sampler.steps = {steps}: {sampler} steps must divide the {timesteps} training time steps; "
        + (f"nearest valid: {' and '.join(map(str, nearest))}" if nearest else "no number is valid")
    )
