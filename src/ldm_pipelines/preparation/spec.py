"""Parameters of a dataset."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ldm_pipelines.data.spec import Splits, check_range
from ldm_pipelines.preparation.source_specs.coco import CocoSource
from ldm_pipelines.preparation.source_specs.digits import DigitsSource
from ldm_pipelines.preparation.source_specs.faces import FacesSource
from ldm_pipelines.preparation.source_specs.image_folder import ImageFolderSource
from ldm_pipelines.preparation.source_specs.imagenet import ImagenetSource
from ldm_pipelines.preparation.source_specs.lsun import LsunSource
from ldm_pipelines.preparation.source_specs.openimages import OpenImagesSource
from ldm_pipelines.preparation.source_specs.paired_folders import PairedFoldersSource
from ldm_pipelines.preparation.source_specs.parquet import ParquetSource
from ldm_pipelines.preparation.source_specs.photos import PhotosSource
from ldm_pipelines.preparation.source_specs.places365 import Places365Source
from ldm_pipelines.preparation.source_specs.scenes import ScenesSource
from ldm_pipelines.preparation.source_specs.webdataset import WebDatasetSource
from ldm_pipelines.spec import Entity, PositiveInt

Source = Annotated[
    DigitsSource
    | ImageFolderSource
    | ScenesSource
    | PhotosSource
    | FacesSource
    | LsunSource
    | ImagenetSource
    | CocoSource
    | Places365Source
    | OpenImagesSource
    | WebDatasetSource
    | ParquetSource
    | PairedFoldersSource,
    Field(discriminator="kind"),
]

Fraction = Annotated[float, Field(gt=0, le=1)]

SPLIT_BY_SOURCE = ("photos",)
"""Sources that divide their images themselves."""
SPLIT_BY_FRACTIONS = ("digits", "scenes", "image_folder")
"""Sources that never do; the others do where their files say so."""
IN_SHARDS = ("parquet", "webdataset")
"""Sources whose containers hold many images in the order they are listed."""
MADE = ("digits", "photos", "scenes")
"""Sources that make their images."""


class Dataset(Entity):
    """A set of square RGB images, prepared once: decoded, cropped, resized, checked, split."""

    source: Source
    upstream: str
    """What DVC watches: the raw folder, or the module that makes an embedded source's images."""
    image_size: PositiveInt
    """Side of the prepared images in pixels."""
    resize: Literal["bilinear", "bicubic", "lanczos", "box", "bilinear_no_antialias", "smallest_max_size"]
    """Pillow's filter, with anti-aliasing when shrinking; or OpenCV's, without, of which the last rounds sizes as the
    released loaders of faces and ImageNet do. Shorter side first, then a crop."""
    crop_first: bool = False
    """Cut out the centre square and then resize it, as the released LSUN loader does."""
    storage: Literal["packed", "in_place"] = "packed"
    """``packed``: the prepared images are written as PNG. ``in_place``: nothing is copied; originals are decoded,
    cropped and resized whenever they are read, and a file that has changed since is an error."""
    random_crop: tuple[Fraction, Fraction] | None = None
    """Training sees a random square whose side is so much of the shorter side (from, to); only ``in_place``."""
    shuffle_shards: PositiveInt | None = None
    """Training takes containers (tar, Parquet) in random order and shuffles the images of so many of them together,
    instead of all images: what does not fit a disk is then fetched once an epoch. Only ``in_place``."""
    min_side: PositiveInt | None = None
    """Images whose shorter side has fewer pixels are left out."""
    splits: Splits | None = None
    """Absent where the source says which image belongs where."""

    @model_validator(mode="after")
    def _splits_where_they_count(self) -> Self:
        if self.source.kind in SPLIT_BY_SOURCE and self.splits is not None:
            raise ValueError(f"a dataset of source {self.source.kind} has fixed splits; remove 'splits'")
        if self.source.kind in SPLIT_BY_FRACTIONS and self.splits is None:
            raise ValueError("splits is missing: fractions of train, validation and test")
        return self

    @model_validator(mode="after")
    def _originals_where_they_are_needed(self) -> Self:
        if self.storage == "in_place" and self.source.kind in MADE:
            raise ValueError(f"storage: a source of kind {self.source.kind} has no files to leave in place; use packed")
        if self.random_crop is not None:
            if self.storage != "in_place":
                raise ValueError("random_crop needs storage: in_place (a packed image is its centre crop)")
            check_range("random_crop", self.random_crop)
        if self.shuffle_shards is not None and (self.storage != "in_place" or self.source.kind not in IN_SHARDS):
            raise ValueError(f"shuffle_shards needs storage: in_place and a source of kind {' or '.join(IN_SHARDS)}")
        return self
