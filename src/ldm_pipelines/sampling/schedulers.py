"""The scheduler of diffusers behind each sampler, on the noise schedule a model was trained with."""

import inspect
from typing import Any

import diffusers
import torch
from diffusers import DDIMScheduler, DDPMScheduler, DPMSolverMultistepScheduler, PNDMScheduler, SchedulerMixin
from torch import Tensor

from ldm_pipelines.errors import InputError, near_miss
from ldm_pipelines.sampling.spec import DDIM, DDPM, PLMS, DiffusersSampler, DPMSolver, Sampler

SCHEDULE = ("num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "trained_betas", "prediction_type")
"""Arguments that belong to the model."""
AS_RELEASED: dict[str, Any] = {
    "clip_sample": False, "set_alpha_to_one": False, "steps_offset": 1, "timestep_spacing": "leading"
}  # fmt: skip
"""How the released code samples; a named scheduler starts from it, too, where it has such settings."""


def build_scheduler(sampler: Sampler, trained: DDIMScheduler) -> Any:
    """A new scheduler for one trajectory; ``trained`` is the model's, which holds the noise schedule.

    Raises:
        InputError: diffusers has no such scheduler, it does not fit the model, or its arguments are wrong.
    """
    schedule = {name: trained.config[name] for name in SCHEDULE}
    schedule["prediction_type"] = "epsilon"  # whatever the denoiser predicts, samplers see the noise
    match sampler:
        case DDIM():
            return DDIMScheduler(**schedule, **AS_RELEASED)
        case PLMS():
            released = {name: value for name, value in AS_RELEASED.items() if name != "clip_sample"}
            return PNDMScheduler(**schedule, **released, skip_prk_steps=True)
        case DDPM():
            # the posterior's variance (released: v_posterior 0) and time steps down to 0, where no noise is added
            return DDPMScheduler(**schedule, clip_sample=False, timestep_spacing="leading", steps_offset=0)
        case DPMSolver(order=order):
            return DPMSolverMultistepScheduler(**schedule, algorithm_type="dpmsolver++", solver_order=order)
        case DiffusersSampler():
            return _by_name(sampler, schedule, trained.alphas_cumprod)


def known_schedulers() -> dict[str, Any]:
    """diffusers' schedulers that sample eps-prediction models from noise to data, by class name."""
    classes = {name: getattr(diffusers, name) for name in dir(diffusers) if name.endswith("Scheduler")}
    return {
        name: found
        for name, found in classes.items()
        if inspect.isclass(found) and issubclass(found, SchedulerMixin) and _fits(found)
    }


def _fits(scheduler: Any) -> bool:
    """Takes our noise schedule, and steps on nothing but the network's output; inverse ones run to noise."""
    if not hasattr(scheduler, "step") or "Inverse" in scheduler.__name__:
        return False
    required = [
        name
        for name, parameter in inspect.signature(scheduler.step).parameters.items()
        if parameter.default is parameter.empty and parameter.kind is not parameter.VAR_KEYWORD
    ]
    return "beta_start" in inspect.signature(scheduler.__init__).parameters and len(required) == 4


def _by_name(sampler: DiffusersSampler, schedule: dict[str, Any], alphas_cumprod: Tensor) -> Any:
    known = known_schedulers()
    if sampler.scheduler not in known:
        raise InputError(
            f"sampler.scheduler: diffusers has no scheduler {sampler.scheduler!r} that samples such models"
            f"{near_miss(sampler.scheduler, known)}"
        )
    accepted = [name for name in inspect.signature(known[sampler.scheduler].__init__).parameters if name != "self"]
    for name in sampler.arguments:
        if name in SCHEDULE:
            raise InputError(f"sampler.arguments.{name} belongs to the trained model; remove it")
        if name not in accepted:
            hint = near_miss(name, set(accepted) - set(SCHEDULE))
            raise InputError(f"sampler.arguments.{name}: {sampler.scheduler} has no such argument{hint}")
    arguments = {name: value for name, value in {**schedule, **AS_RELEASED}.items() if name in accepted}
    try:
        scheduler = known[sampler.scheduler](**{**arguments, **sampler.arguments})
    except (ValueError, TypeError, NotImplementedError, AttributeError) as error:
        raise InputError(f"sampler.arguments: {sampler.scheduler} refuses them ({error})") from error
    if not torch.allclose(scheduler.alphas_cumprod.cpu().float(), alphas_cumprod.cpu().float(), rtol=1e-5):
        raise InputError(
            f"sampler.scheduler: with these arguments, {sampler.scheduler} changes the noise schedule that the model "
            "was trained with"
        )
    return scheduler
