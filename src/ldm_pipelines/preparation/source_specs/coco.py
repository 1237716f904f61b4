"""Parameters of ``sources.coco``."""

from typing import Literal

from ldm_pipelines.spec import Spec

Split = Literal["train", "validation"]


class Folders(Spec):
    """A folder for each split, below the raw folder."""

    train: str
    validation: str


class CocoSource(Spec):
    """COCO as published: folders of images and their captions, and perhaps COCO-Stuff's pixel maps.

    Which image is in which split is COCO's own decision.
    """

    kind: Literal["coco"]
    year: Literal[2014, 2017] = 2017
    """Edition: it says what the folders and the annotation files are called."""
    captions: Literal["one", "each"] = "one"
    """``one``: an image has the caption of the lowest annotation id; ``each``: it occurs once for each caption."""
    splits: tuple[Split, ...] = ("train", "validation")
    """Which of COCO's sets are taken."""
    annotations: str = "annotations"
    """Folder of ``captions_train2017.json`` and ``captions_val2017.json`` (or 2014)."""
    images: Folders | None = None
    """Folders of the images; null: ``train2017`` and ``val2017`` (or 2014)."""
    maps: Folders | None = None
    """Folders of COCO-Stuff's maps, for 2017 ``stuffthingmaps/train2017`` and ``stuffthingmaps/val2017``: a PNG file
    of the image's stem, 0 to 181 in each pixel, and 255 where it is unlabelled. Null: no maps."""

    def image_folder(self, split: Split) -> str:
        """Of one of COCO's sets."""
        if self.images is None:
            return f"{self._set(split)}{self.year}"
        return self.images.train if split == "train" else self.images.validation

    def map_folder(self, split: Split) -> str | None:
        """The same for its maps."""
        if self.maps is None:
            return None
        return self.maps.train if split == "train" else self.maps.validation

    def caption_file(self, split: Split) -> str:
        """The same for its captions."""
        return f"{self.annotations}/captions_{self._set(split)}{self.year}.json"

    def _set(self, split: Split) -> str:
        return "train" if split == "train" else "val"
