"""Parameters of ``sources.openimages``."""

from typing import Literal, Self

from pydantic import model_validator

from ldm_pipelines.data.spec import check_range
from ldm_pipelines.spec import PositiveInt, Probability, Spec

SplitName = Literal["train", "validation", "test"]


class OpenImagesSource(Spec):
    """OpenImages (V4 to V7): a folder of images per split, CSV files with boxes, and one with the classes' names."""

    kind: Literal["openimages"]
    splits: tuple[SplitName, ...] = ("train", "validation", "test")
    """Which to take; each is a folder of that name."""
    boxes: bool = True
    """Whether images have boxes; without them every image of the folders is taken, and the rest here has no effect."""
    box_files: dict[SplitName, str] = {}
    """Files with boxes that are not named ``oidv6-train-annotations-bbox.csv`` or ``SPLIT-annotations-bbox.csv``."""
    class_names: str | None = None
    """None: ``class-descriptions-boxable.csv``, or V7's ``oidv7-class-descriptions-boxable.csv``."""
    classes: str | None = None
    """A text file with the classes to keep, a display name or LabelName in each line; ``layout_model``: the 340 of the
    released layout model, numbered as there; None keeps all."""
    merge: dict[str, str] = {}
    """Classes (display names or LabelNames) whose boxes count as those of another: ``{Man: Person}``."""
    min_area: Probability = 1e-4
    """Boxes that fill no larger part of the image are left out (taming-transformers' OpenImages configuration)."""
    exclude_group_of: bool = False
    """Leave out boxes around a group of objects."""
    objects: tuple[PositiveInt, PositiveInt] = (2, 30)
    """Fewest and most boxes, of those kept, of an image; other images are left out (same configuration)."""

    @model_validator(mode="after")
    def _splits_and_range(self) -> Self:
        check_range("objects", self.objects)
        if not self.splits or len({*self.splits}) < len(self.splits):
            raise ValueError(f"splits: name each split once, and at least one, not {list(self.splits)}")
        return self
