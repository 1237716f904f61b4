"""Parameters of ``sources.paired_folders``."""

from pathlib import PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ldm_pipelines.spec import Spec


class Lists(Spec):
    """Text files below the raw folder, one image a line, relative to the folder of images."""

    train: str | None = None
    validation: str | None = None
    test: str | None = None

    @model_validator(mode="after")
    def _some_list(self) -> Self:
        if self.train is self.validation is self.test is None:
            raise ValueError("no list is named; set 'lists' to null to take every image")
        return self


class PairedFoldersSource(Spec):
    """A folder of images and a folder of semantic maps: ``images/a/b.jpg`` belongs to ``maps/a/b.png``."""

    kind: Literal["paired_folders"]
    images: str = "images"
    """Folder of the images, with folders in it if you like."""
    maps: str = "maps"
    """Folder of the maps: PNG files whose pixels are class indices from 0 on."""
    lists: Lists | None = None
    """Which images are in which split; others are passed over. Null: all images, split as the dataset says."""
    classes: Annotated[int, Field(ge=1, le=256)] | Literal["coco_stuff"]
    """Number of classes; ``coco_stuff``: COCO-Stuff's 182 classes, with their names."""
    class_names: str | None = None
    """A text file below the raw folder with a class name a line, in the order of the indices."""
    unlabelled: Literal[255] | None = None
    """The pixel that stands for no class; it becomes a class of its own, before the others."""

    @property
    def splits_itself(self) -> bool:
        """Whether lists decide the split of every image."""
        return self.lists is not None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        images, maps = PurePosixPath(self.images), PurePosixPath(self.maps)
        if images.is_relative_to(maps) or maps.is_relative_to(images):
            raise ValueError(f"images ({self.images}) and maps ({self.maps}) must be two folders, neither in the other")
        if self.classes == "coco_stuff" and self.class_names is not None:
            raise ValueError("class_names: the names of coco_stuff are known; remove it")
        if self.classes == 256 and self.unlabelled is not None:
            raise ValueError("classes: 256 classes use every value of a pixel, so none is left for unlabelled")
        return self
