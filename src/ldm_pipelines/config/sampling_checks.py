"""What a model's parameters say of how it can be sampled: known before anything is trained."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ldm_pipelines.diffusion.conditioning_spec import TOKENISED
from ldm_pipelines.diffusion.spec import LDM
from ldm_pipelines.errors import InputError, near_miss
from ldm_pipelines.sampling.ddim_steps import check_steps
from ldm_pipelines.sampling.spec import Sampler, Samples

if TYPE_CHECKING:
    from ldm_pipelines.config.study import Study


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


def samples_problems(study: "Study") -> Iterator[str]:
    """Sample sets whose sampler or guidance does not fit their model."""
    for name, samples in study.samples.items():
        if ldm := study.ldms.get(samples.ldm):
            yield from step_problems(f"samples.{name}.", samples.sampler, ldm)
            yield from guidance_problems(f"samples.{name}", samples.guidance_scale, ldm)
            yield from _other_guidance(study, f"samples.{name}", samples, ldm)


def _other_guidance(study: "Study", where: str, samples: Samples, ldm: LDM) -> Iterator[str]:
    """By the low-resolution image, and by a classifier on noisy latents."""
    kind = ldm.conditioning.kind
    if samples.image_guidance and kind != "low_res":
        yield f"{where}.image_guidance needs a model of low_res conditioning, {ldm.name!r} is of {kind}"
    if samples.classifier_guidance is None:
        return
    classifier = study.latent_classifiers.get(samples.classifier_guidance.classifier)
    if classifier is None:
        hint = near_miss(samples.classifier_guidance.classifier, study.latent_classifiers)
        yield f"{where}.classifier_guidance.classifier: no latent_classifiers of this name{hint}"
    elif classifier.latent != ldm.latent:
        yield (
            f"{where}.classifier_guidance: {classifier.name!r} knows the latents {classifier.latent!r}, the model "
            f"those of {ldm.latent!r}"
        )
    elif classifier.schedule != ldm.schedule.model_copy(update={"prediction": classifier.schedule.prediction}):
        yield f"{where}.classifier_guidance: {classifier.name!r} has another schedule than the model"
