"""Parameters of sweeps over one model, and of measuring what it costs."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from ldm_pipelines.evaluation.spec import Distribution, Split, Suite
from ldm_pipelines.sampling.spec import DDIM
from ldm_pipelines.spec import Entity, NonNegativeFloat, PositiveInt, Probability

Axis = Literal["training_steps", "sampler_steps"]


def _rising(values: tuple[int, ...]) -> tuple[int, ...]:
    if sorted(set(values)) != list(values):
        raise ValueError(f"must rise, but is {', '.join(map(str, values))}")
    return values


Rising = Annotated[tuple[PositiveInt, ...], Field(min_length=1), AfterValidator(_rising)]


class Sweep(Entity):
    """The quality of one model at several places of an axis, each measured as an evaluation measures a sample set."""

    ldm: str
    autoencoder: str
    """Decodes the latents; derived from the model's latent cache."""
    dataset: str
    """Where conditions and the reference's images come from; derived from the model's latent cache."""
    split: Split
    """Whose captions, boxes, maps or images are the conditions; class labels are balanced and need none."""
    reference: str
    feature_network: str
    """Derived from the reference."""
    perceptual_network: str
    """Compares restored images with the true ones."""
    axis: Axis
    values: Rising
    """Training steps of the model's snapshots (the last step is the finished model), or numbers of DDIM steps."""
    sampler: DDIM
    """On the axis ``sampler_steps``, its ``steps`` are the values instead."""
    guidance_scale: NonNegativeFloat
    count: PositiveInt
    """Images at each value; image i is drawn from the same noise at all of them."""
    distribution: Distribution
    suite: Suite

    def samplers(self) -> dict[int, DDIM]:
        """The sampler at each value."""
        if self.axis == "training_steps":
            return dict.fromkeys(self.values, self.sampler)
        return {value: self.sampler.model_copy(update={"steps": value}) for value in self.values}


class Throughput(Entity):
    """What training and sampling of one model cost on this machine."""

    ldm: str
    latent: str
    """What it trains on; derived from the model."""
    autoencoder: str
    """Decodes the samples; derived from the model."""
    dataset: str
    """Where conditions come from; derived from the model."""
    warmup: PositiveInt
    """Training steps before those that are timed."""
    training_steps: PositiveInt
    """Training steps whose median is taken."""
    sampler_steps: Rising
    """Numbers of DDIM steps; the last of them is that of the figures which need one."""
    eta: Probability
    sampling_batch: PositiveInt
    """Images drawn at once."""
    suite: Suite

    def samplers(self) -> dict[int, DDIM]:
        """The sampler at each number of steps."""
        return {steps: DDIM(kind="ddim", steps=steps, eta=self.eta) for steps in self.sampler_steps}
