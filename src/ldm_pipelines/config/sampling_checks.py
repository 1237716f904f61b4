"""What a model's parameters say of how it can be sampled: known before anything is trained."""

from collections.abc import Iterator

from ldm_pipelines.diffusion.conditioning_spec import TOKENISED
from ldm_pipelines.diffusion.spec import LDM
from ldm_pipelines.errors import InputError
from ldm_pipelines.sampling.ddim_steps import check_steps
from ldm_pipelines.sampling.spec import Sampler


def step_problems(prefix: str, sampler: Sampler, ldm: LDM) -> Iterator[str]:
    """Steps that the model's schedule does not have; the line begins with ``prefix``."""
    try:
        check_steps(sampler, ldm.schedule.timesteps)
    except InputError as error:
        yield f"{prefix}{error}"


def guidance_problems(where: str, guidance_scale: float, ldm: LDM) -> Iterator[str]:
    """Classifier-free guidance of a model that has no null condition, or never learnt it."""
    kind = ldm.conditioning.kind
    if guidance_scale != 1 and kind not in TOKENISED:
        yield f"{where}.guidance_scale must be 1: {kind} conditioning has no null condition"
    elif guidance_scale != 1 and getattr(ldm.conditioning, "null_probability", 0) == 0:
        yield (
            f"{where}.guidance_scale must be 1: {ldm.name!r} never learnt its null condition "
            f"(ldms.{ldm.name}.conditioning.null_probability is 0)"
        )
