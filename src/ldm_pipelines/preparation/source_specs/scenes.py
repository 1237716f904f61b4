"""Parameters of ``sources.scenes``."""

from math import ceil, floor
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ldm_pipelines.data.spec import check_range
from ldm_pipelines.spec import NonNegativeInt, PositiveInt, Probability, Spec

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
