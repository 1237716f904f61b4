"""Which numbers of DDIM steps there are. Without PyTorch: the study is checked by it before anything runs."""

from ldm_pipelines.errors import InputError


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
