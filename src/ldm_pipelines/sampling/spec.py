"""Parameters of samplers and of the sets of images they draw."""

from typing import Annotated, Any, Literal

from pydantic import Field

from ldm_pipelines.spec import Entity, NonNegativeFloat, PositiveFloat, PositiveInt, Probability, Spec


class DDIM(Spec):
    """DDIM with the original code's time steps: ``steps`` must divide the schedule's timesteps."""

    kind: Literal["ddim"]
    steps: PositiveInt
    eta: Probability


class PLMS(Spec):
    """Pseudo linear multistep (Liu et al., 2022) as released: one extra evaluation; ``steps`` as for DDIM."""

    kind: Literal["plms"]
    steps: PositiveInt


class DDPM(Spec):
    """Ancestral sampling (Ho et al., 2020); ``steps`` must divide the schedule's timesteps."""

    kind: Literal["ddpm"]
    steps: PositiveInt


class DPMSolver(Spec):
    """DPM-Solver++ (Lu et al., 2022), multistep."""

    kind: Literal["dpm_solver"]
    steps: PositiveInt
    order: Literal[1, 2, 3]


class DiffusersSampler(Spec):
    """Any scheduler of diffusers, by class name, with arguments of its constructor."""

    kind: Literal["diffusers"]
    scheduler: str
    steps: PositiveInt
    arguments: dict[str, Any] = {}


Sampler = Annotated[DDIM | PLMS | DDPM | DPMSolver | DiffusersSampler, Field(discriminator="kind")]

STEPS_DIVIDE = ("ddim", "plms", "ddpm")
"""Samplers whose steps must divide the schedule's time steps."""


class ClassifierGuidance(Spec):
    """eps - sqrt(1 - alpha_bar) scale grad log p(class | z_t) (Dhariwal & Nichol, 2021; LDM-8-G of Table 10)."""

    classifier: str
    """A classifier on noisy latents of the model's cache."""
    scale: PositiveFloat


class ImageGuidance(Spec):
    """Post-hoc guiding by the low-resolution image (Sec. C, Eq. 16): a gradient on the decoded estimate of x0."""

    scale: PositiveFloat
    """1 takes the low-resolution image for exact, less for a blurred hint."""


class Samples(Entity):
    """A set of images drawn from a latent diffusion model."""

    ldm: str
    autoencoder: str
    """Decodes the latents; derived from the model's latent cache."""
    dataset: str
    """Where conditions come from; derived from the model's latent cache."""
    split: Literal["train", "validation", "test"]
    """Whose captions, boxes, maps or images are the conditions; class labels are balanced and need none."""
    sampler: Sampler
    guidance_scale: NonNegativeFloat
    """s of eps_u + s (eps_c - eps_u); 1 is no guidance."""
    classifier_guidance: ClassifierGuidance | None = None
    image_guidance: ImageGuidance | None = None
    count: PositiveInt
    """Number of images. Image i has class i mod classes, or the condition of the split's image i mod its length."""
    upstream: str
    """What DVC watches besides: the noisy-latent classifier where one guides, else the model's config."""


RESTORED = {"upsampled": "low_res", "mean_fill": "inpainting", "nearest_fill": "inpainting"}
"""Kinds of baseline: the conditioning they restore images from."""


class Baseline(Entity):
    """What a restoration model has to beat: images made from the same conditions without a model."""

    dataset: str
    split: Literal["train", "validation", "test"]
    kind: Literal["upsampled", "mean_fill", "nearest_fill"]
    """Bicubic enlargement of the low-res image; the hole filled with the mean or the nearest known pixels."""
    ldm: str
    """Whose conditions: the degradation or the masks of this model."""
    count: PositiveInt
