"""Parameters of what is done with images: how they are split, degraded and masked."""

from typing import Literal, Self

from pydantic import model_validator

from ldm_pipelines.spec import NonNegativeFloat, PositiveFloat, PositiveInt, Probability, Spec


def check_range(name: str, bounds: tuple[float, float]) -> None:
    """Raises ``ValueError`` where the second bound is below the first."""
    if bounds[1] < bounds[0]:
        raise ValueError(f"{name}: the smaller bound comes first, not {list(bounds)}")


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
