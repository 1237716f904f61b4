"""Parameters of a dataset."""

from math import ceil, floor
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ldm_pipelines.spec import Entity, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, Probability, Spec


def check_range(name: str, bounds: tuple[float, float]) -> None:
    """Raises ``ValueError`` where the second bound is below the first."""
    if bounds[1] < bounds[0]:
        raise ValueError(f"{name}: the smaller bound comes first, not {list(bounds)}")


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


Side = Annotated[float, Field(gt=0, le=0.9)]


class ScenesSource(Spec):
    """Coloured shapes on a plain background, rendered from a seed: exact captions, boxes and semantic maps."""

    kind: Literal["scenes"]
    count: PositiveInt
    objects: tuple[PositiveInt, PositiveInt]
    """Fewest and most shapes in a scene."""
    overlap: Probability
    """The largest part of a shape that others may hide; 0 keeps shapes apart."""
    sizes: tuple[Side, Side] = (0.25, 0.40625)
    """Shortest and longest side of a shape's box, as fractions of the image's side."""
    grid: Annotated[int, Field(ge=4)] | None
    """Cells along a side of the image on whose corners boxes begin and end; None lets them lie anywhere."""
    seed: NonNegativeInt

    @model_validator(mode="after")
    def _range_rises(self) -> Self:
        check_range("objects", self.objects)
        check_range("sizes", self.sizes)
        if self.grid is not None and self.sides_on_grid()[0] > self.sides_on_grid()[1]:
            raise ValueError(
                f"sizes: no box of {list(self.sizes)} of the image fills whole cells of a grid of {self.grid}"
            )
        return self

    def sides_on_grid(self) -> tuple[int, int]:
        """Shortest and longest side of a box in cells."""
        cells = self.grid or 1
        return ceil(self.sizes[0] * cells), floor(self.sizes[1] * cells)


class PhotosSource(Spec):
    """Patches of the photographs shipped inside scikit-image and scikit-learn, split by photograph."""

    kind: Literal["photos"]
    patch: PositiveInt
    """Side of the square patches in pixels of the (possibly shrunk) photograph."""
    shrink: PositiveInt
    """Photographs are first reduced by this factor (box filter)."""
    per_photograph: PositiveInt
    """At most so many patches, evenly spread over the photograph."""


Source = Annotated[DigitsSource | ImageFolderSource | ScenesSource | PhotosSource, Field(discriminator="kind")]


SPLIT_BY_SOURCE = ("photos",)
"""Sources that divide their images themselves."""


class Degradation(Spec):
    """From an image to its low-resolution version."""

    kind: Literal["bicubic", "bsr_light"]
    """Pillow's anti-aliased bicubic (Tables 5, 11), or the light BSR degradation of LDM-BSR (Sec. D.6.1)."""
    factor: PositiveInt


class Masks(Spec):
    """LaMa's thick masks (Suvorov et al., 2022), with all lengths as fractions of the image's side."""

    irregular_probability: Probability
    """Brush strokes, else boxes."""
    strokes: tuple[PositiveInt, PositiveInt]
    """Fewest and most chains of strokes, and segments per chain."""
    stroke_length: tuple[PositiveFloat, PositiveFloat]
    stroke_width: tuple[PositiveFloat, PositiveFloat]
    boxes: tuple[PositiveInt, PositiveInt]
    box_side: tuple[PositiveFloat, PositiveFloat]
    box_margin: NonNegativeFloat
    largest_area: PositiveFloat
    """Masks that hide more than this fraction are drawn again."""

    @model_validator(mode="after")
    def _ranges_rise(self) -> Self:
        for name in ("strokes", "stroke_length", "stroke_width", "boxes", "box_side"):
            check_range(name, getattr(self, name))
        return self


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
    splits: Splits | None = None
    """Absent where the source says which image belongs where (photos)."""

    @model_validator(mode="after")
    def _splits_where_they_count(self) -> Self:
        if self.source.kind in SPLIT_BY_SOURCE and self.splits is not None:
            raise ValueError(f"a dataset of source {self.source.kind} has fixed splits; remove 'splits'")
        if self.source.kind not in SPLIT_BY_SOURCE and self.splits is None:
            raise ValueError("splits is missing: fractions of train, validation and test")
        return self
