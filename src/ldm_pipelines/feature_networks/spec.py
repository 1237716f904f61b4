"""Parameters of the networks whose features measure images."""

from typing import Annotated, Literal

from pydantic import Field

from ldm_pipelines.spec import Entity, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, Spec


class ClassifierTraining(Spec):
    steps: PositiveInt
    batch_size: PositiveInt
    """Images per step over all devices."""
    learning_rate: PositiveFloat
    weight_decay: NonNegativeFloat
    max_shift: NonNegativeInt
    """Random translation by up to this many pixels, the only augmentation."""
    noise: NonNegativeFloat
    """Standard deviation of Gaussian noise added to images in [-1, 1]."""


class Classifier(Entity):
    """A small convolutional classifier trained on a dataset's labels.

    Its stages' activations serve as a perceptual distance, its penultimate layer and logits for FID, Inception Score,
    precision and recall. Figures measured with it are comparable within the dataset only.
    """

    kind: Literal["classifier"]
    dataset: str
    upstream: str
    """What DVC watches: the dataset's folder."""
    channels: tuple[PositiveInt, ...]
    """Width of each stage; every stage halves the resolution."""
    training: ClassifierTraining


class Lpips(Entity):
    """LPIPS (Zhang et al., 2018) with its learned weights, as in the paper's objective.

    The backbone's weights come from ``weights_dir`` (file names as published by torchvision).
    """

    kind: Literal["lpips"]
    net: Literal["vgg", "alex"]
    upstream: str
    """What DVC watches: for published weights, this package's module."""


FeatureNetwork = Annotated[Classifier | Lpips, Field(discriminator="kind")]
