"""How the paper's numbers were measured, as far as it says: what numbers of ours are held against."""

from typing import Annotated, Any, Literal

from pydantic import Field

from ldm_pipelines.errors import near_miss
from ldm_pipelines.evaluation.spec import Split
from ldm_pipelines.spec import NonNegativeFloat, PositiveInt, Spec

FeatureKind = Literal["inception_fidelity", "inception_cleanfid_legacy_pytorch"]
DistanceKind = Literal["lpips_vgg", "lpips_alex", "psim_vgg"]


class ReferenceImages(Spec):
    """The real images; for restored images also those they were made from."""

    datasets: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """The paper's name, then further names for the same data; case and punctuation do not matter."""
    split: Split | None = None
    count: PositiveInt | None = None
    whole: bool = False
    """All images of the split, where their number is not said."""
    resize: Literal["bilinear", "bicubic", "lanczos", "box", "bilinear_no_antialias"] | None = None


class Sampler(Spec):
    """Steps are a fact of each row."""

    kind: Literal["ddim", "plms"] | None = None
    eta: NonNegativeFloat | None = None


class Conditions(Spec):
    """Of one number, or of several. None: the paper does not say, and nothing is compared, but for the networks."""

    samples: PositiveInt | Literal["whole split"] | None = None
    image_size: PositiveInt | None = None
    classes: PositiveInt | None = None
    balanced: bool | None = None
    """Whether samples are of every class equally often."""
    reference: ReferenceImages = ReferenceImages()
    sampler: Sampler = Sampler()
    """Of the paper's own models."""
    guidance_scale: NonNegativeFloat | None = None
    """Of the paper's own models, where the row does not say; 1 is none."""
    feature_network: FeatureKind | None = None
    perceptual_network: DistanceKind | None = None
    neighbours: PositiveInt | None = None
    """k of precision and recall."""
    is_splits: PositiveInt | None = None
    epochs: PositiveInt | None = None
    """After how many of training."""
    counted: tuple[str, ...] = ()
    """What the sizes of the paper's own models have beside the denoiser."""
    device: str | None = None
    """Whose speed; part of its name."""


class Protocol(Conditions):
    """Conditions of a whole table, and what differs from them by group of rows and by column."""

    groups: dict[str, Conditions] = Field(default_factory=dict)
    columns: dict[str, Conditions] = Field(default_factory=dict)

    def of(self, group: str, column: str) -> Conditions:
        """What holds for one cell: the column's facts before the group's before the table's."""
        shared = self.model_dump(exclude_unset=True, exclude={"groups", "columns"})
        for part in (self.groups.get(group), self.columns.get(column)):
            shared = _over(shared, part.model_dump(exclude_unset=True) if part else {})
        return Conditions.model_validate(shared)

    def check_names(self, groups: set[str], columns: set[str]) -> None:
        """Raises ``ValueError`` for a group or column that the table does not have."""
        for part, named, known in (("groups", self.groups, groups), ("columns", self.columns, columns)):
            for name in named:
                if name not in known:
                    raise ValueError(f"protocol.{part}: the table has none named {name!r}{near_miss(name, known)}")


def _over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Nested facts; those ``above`` win."""
    merged = dict(below)
    for key, value in above.items():
        known = merged.get(key)
        merged[key] = _over(known, value) if isinstance(known, dict) and isinstance(value, dict) else value
    return merged
