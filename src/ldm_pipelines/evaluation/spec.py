"""Parameters of evaluations: of sample sets, and of reconstructions."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ldm_pipelines.spec import Entity, NonNegativeInt, PositiveInt, Spec

Suite = Annotated[str, Field(pattern=r"^[a-z0-9_]+(/[a-z0-9_]+)*$")]
"""The folder of metrics a result belongs to; a table reads one suite, with all the suites below it."""
Split = Literal["train", "validation", "test"]


class Reference(Entity):
    """Real images as a network sees them, measured once for all evaluations against them."""

    dataset: str
    split: Split
    feature_network: str


class Distribution(Spec):
    """How two sets of images are compared."""

    neighbours: PositiveInt
    """k of precision and recall (Kynkaanniemi et al., 2019), density and coverage (Naeem et al., 2020)."""
    manifold_images: PositiveInt | None = None
    """Images of the reference around which these look for neighbours, at random where it has more; None: all."""
    is_splits: PositiveInt
    """Splits of the Inception Score."""
    kid_subsets: PositiveInt
    """Pairs of subsets whose mean is KID."""
    kid_subset_size: Annotated[int, Field(ge=2)]
    """Images of a subset; where a set has fewer images than that, all of them."""
    replicates: NonNegativeInt
    """Draws of the bootstrap behind the 95 % interval of FID, each an FID of its own; 0 leaves it without one."""

    @model_validator(mode="after")
    def _has_neighbours(self) -> Self:
        if self.manifold_images is not None and self.manifold_images <= self.neighbours:
            raise ValueError(f"manifold_images must be more than the {self.neighbours} neighbours")
        return self


class Evaluation(Entity):
    """A sample set measured against a reference."""

    samples: str
    reference: str
    dataset: str
    """Where the reference's images, and the truth of restored ones, come from; derived from the reference."""
    split: Split
    """Derived from the reference."""
    feature_network: str
    """Derived from the reference."""
    perceptual_network: str
    """Whose perceptual distance compares pairs."""
    distribution: Distribution
    suite: Suite


class Reconstruction(Entity):
    """An autoencoder measured on the images of a split."""

    autoencoder: str
    dataset: str
    split: Split
    feature_network: str
    perceptual_network: str
    distribution: Distribution
    suite: Suite
