"""Parameters of a dataset."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ldm_pipelines.spec import Entity, PositiveInt, Probability, Spec


class DigitsSource(Spec):
    """The 1,797 handwritten digits (8x8 grey levels) shipped inside scikit-learn."""

    kind: Literal["digits"]
    limit: PositiveInt | None = None
    """Keep only the first ``limit`` images (smoke tests)."""


class ImageFolderSource(Spec):
    """Any folder tree of images: ``data/01_raw/NAME`` unless ``compute.yml`` says otherwise.

    The class of an image is the name of its parent folder, or the ``label`` column of ``labels`` (a CSV file in the
    folder's root with columns ``path,label``).
    """

    kind: Literal["image_folder"]
    labels: str | None = None


Source = Annotated[DigitsSource | ImageFolderSource, Field(discriminator="kind")]


class Splits(Spec):
    """Fractions of the images; each image's split is a function of its pixels alone."""

    train: Probability
    validation: Probability
    test: Probability

    @model_validator(mode="after")
    def _sum_to_one(self) -> Self:
        total = self.train + self.validation + self.test
        if abs(total - 1) > 1e-6:
            raise ValueError(f"train + validation + test must be 1, not {total:g}")
        return self


class Dataset(Entity):
    """A set of square RGB images, prepared once: decoded, cropped, resized, checked, split."""

    source: Source
    upstream: str
    """What DVC watches: the raw folder, or the module that makes an embedded source's images."""
    image_size: PositiveInt
    """Side of the prepared images in pixels."""
    resize: Literal["bilinear", "bicubic", "lanczos", "box"]
    """Pillow's filter, with anti-aliasing when shrinking. Shorter side first, then a centre crop."""
    splits: Splits
