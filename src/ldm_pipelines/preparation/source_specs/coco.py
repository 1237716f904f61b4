"""Parameters of ``sources.coco``."""

from typing import Literal, Self

from pydantic import model_validator

from ldm_pipelines.data.spec import check_range
from ldm_pipelines.spec import PositiveInt, Probability, Spec

Split = Literal["train", "validation"]


class Folders(Spec):
    """A folder for each split, below the raw folder."""

    train: str
    validation: str


class ImageIds(Spec):
    """A file for each split, below the raw folder, with the id of an image in each line; null: all images."""

    train: str | None = None
    validation: str | None = None


class CocoSource(Spec):
    """COCO as published: folders of images, their captions and boxes, and perhaps COCO-Stuff's pixel maps.

    Which image is in which split is COCO's own decision.
    """

    kind: Literal["coco"]
    year: Literal[2014, 2017] = 2017
    """Edition: it says what the folders and the annotation files are called."""
    captions: Literal["one", "each"] | None = "one"
    """``one``: an image has the caption of the lowest annotation id; ``each``: it occurs once for each caption. Null:
    no captions, and no file of them is read; the files with boxes then say which images there are."""
    boxes: Literal["things", "things_and_stuff"] | None = None
    """``things``: 80 classes; ``things_and_stuff``: and the 91 of the stuff files of 2017, without their "other",
    which is every thing at once. Null: no boxes, and ``min_area``, ``crowds`` and ``objects`` have no effect."""
    min_area: Probability = 1e-5
    """Boxes that fill no larger part of the image are left out (taming-transformers' COCO configuration)."""
    crowds: bool = False
    """Whether a box around a crowd (``iscrowd``) is taken as any other."""
    objects: tuple[PositiveInt, PositiveInt] = (2, 30)
    """Fewest and most boxes, of those kept, of an image; other images are left out (same configuration)."""
    splits: tuple[Split, ...] = ("train", "validation")
    """Which of COCO's sets are taken."""
    image_ids: ImageIds = ImageIds()
    """Lists of the only images to take, such as ``annotations/deprecated-challenge2017/train-ids.txt``: the images of
    2017's Stuff Segmentation Challenge, which come with the stuff annotations."""
    annotations: str = "annotations"
    """Folder of ``captions_train2017.json``, ``instances_train2017.json`` and ``stuff_train2017.json``, and of those of
    ``val2017`` (or 2014)."""
    images: Folders | None = None
    """Folders of the images; null: ``train2017`` and ``val2017`` (or 2014)."""
    maps: Folders | None = None
    """Folders of COCO-Stuff's maps, for 2017 ``stuffthingmaps/train2017`` and ``stuffthingmaps/val2017``: a PNG file
    of the image's stem, 0 to 181 in each pixel, and 255 where it is unlabelled. Null: no maps."""

    @model_validator(mode="after")
    def _annotations_that_exist(self) -> Self:
        check_range("objects", self.objects)
        if self.captions is None and self.boxes is None:
            raise ValueError("captions: without boxes the caption files say which images there are; set it to one")
        if self.boxes == "things_and_stuff" and self.year != 2017:
            raise ValueError(f"boxes: COCO has no stuff annotations of {self.year}; take things, or year 2017")
        return self

    def image_folder(self, split: Split) -> str:
        """Of one of COCO's sets."""
        if self.images is None:
            return self._set(split)
        return self.images.train if split == "train" else self.images.validation

    def map_folder(self, split: Split) -> str | None:
        """The same for its maps."""
        if self.maps is None:
            return None
        return self.maps.train if split == "train" else self.maps.validation

    def id_file(self, split: Split) -> str | None:
        """The same for the list of the only images to take."""
        return self.image_ids.train if split == "train" else self.image_ids.validation

    def caption_file(self, split: Split) -> str | None:
        """The same for its captions."""
        return None if self.captions is None else f"{self.annotations}/captions_{self._set(split)}.json"

    def thing_file(self, split: Split) -> str | None:
        """The same for its boxes of things."""
        return None if self.boxes is None else f"{self.annotations}/instances_{self._set(split)}.json"

    def stuff_file(self, split: Split) -> str | None:
        """The same for its boxes of stuff."""
        return f"{self.annotations}/stuff_{self._set(split)}.json" if self.boxes == "things_and_stuff" else None

    def annotation_files(self, split: Split) -> list[str]:
        """All that are read."""
        files = (self.caption_file(split), self.thing_file(split), self.stuff_file(split))
        return [file for file in files if file is not None]

    def _set(self, split: Split) -> str:
        return f"{'train' if split == 'train' else 'val'}{self.year}"
