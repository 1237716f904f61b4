"""Parameters of the networks whose features measure images."""

from typing import Annotated, Literal

from pydantic import Field

from ldm_pipelines.spec import Entity, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, Spec


class ClassifierTraining(Spec):
    steps: PositiveInt
    batch_size: PositiveInt
    """Images per step over all devices; a rotation network sees each of them in four orientations."""
    learning_rate: PositiveFloat
    weight_decay: NonNegativeFloat
    max_shift: NonNegativeInt
    """Random translation by up to this many pixels, the only augmentation."""
    noise: NonNegativeFloat
    """Standard deviation of Gaussian noise added to images in [-1, 1]."""


class TrainedNetwork(Entity):
    """A small convolutional classifier trained on a dataset's images.

    Its stages' activations serve as a perceptual distance, its penultimate layer for FID, precision and recall. Figures
    measured with it are comparable within the dataset only.
    """

    dataset: str
    upstream: str
    """What DVC watches: the dataset's folder."""
    channels: tuple[PositiveInt, ...]
    """Width of each stage; every stage halves the resolution."""
    training: ClassifierTraining


class Classifier(TrainedNetwork):
    """Learns the dataset's labels; its logits serve for the Inception Score."""

    kind: Literal["classifier"]


class Rotation(TrainedNetwork):
    """Learns which of four quarter turns an image was given (Gidaris et al., 2018).

    For datasets without labels. An Inception Score from its logits would measure uprightness: use it for distances.
    """

    kind: Literal["rotation"]


class Lpips(Entity):
    """LPIPS (Zhang et al., 2018) with its learned weights, as in the paper's objective.

    The backbone's weights come from ``weights_dir`` (file names as published by torchvision).
    """

    kind: Literal["lpips"]
    net: Literal["vgg", "alex"]
    upstream: str
    """What DVC watches: for published weights, this package's module."""


FeatureNetwork = Annotated[Classifier | Rotation | Lpips, Field(discriminator="kind")]
