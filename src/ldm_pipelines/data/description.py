"""``dataset.json``: what a prepared dataset is, in one small file."""

from pathlib import Path
from typing import Self

from pydantic import ValidationError

from ldm_pipelines.data.spec import Splits
from ldm_pipelines.errors import InputError
from ldm_pipelines.spec import Entity, NonNegativeInt, PositiveInt

DESCRIPTION = "dataset.json"


class Description(Entity):
    """Contents of ``dataset.json``."""

    source: str
    """Kind of the source."""
    image_size: PositiveInt
    resize: str
    classes: list[str]
    """Names, sorted; a label is an index into them. Empty when no image has a class."""
    counts: dict[str, NonNegativeInt]
    """Images by split."""
    splits: Splits | None
    """The fractions that were asked for; none where the source decides."""
    split_by: str = ""
    """What decided, in words, where the source has more than one way."""
    unlabelled: NonNegativeInt
    """Images without a class (label -1)."""
    rejected: NonNegativeInt
    """Images left out; ``rejected.parquet`` says why."""
    ignored: dict[str, NonNegativeInt]
    """Files that are no images, by extension."""
    box_classes: list[str] = []
    """Names that the labels of ``boxes.parquet`` index; empty where there are no boxes."""
    boxes_sha256: str = ""
    """Of ``boxes.parquet``, so that this file and the manifest say everything about the dataset."""
    map_classes: list[str] = []
    """Names that the pixels of semantic maps index; empty where there are no maps."""
    in_place: bool = False
    """Whether images are read where they lie in the raw folder; the manifest says where."""
    crop_first: bool = False
    """In place: whether the centre square is cut out before it is resized."""
    random_crop: tuple[float, float] | None = None
    """In place: the side of training's random squares, as parts (from, to) of the shorter side."""
    shuffle_shards: PositiveInt | None = None
    """In place: training shuffles the images of so many containers together; none shuffles all images."""
    map_shift: int = 0
    """In place: added (modulo 256) to the pixels of map files to give classes."""

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Raises ``InputError`` where the folder is no prepared dataset."""
        file = folder / DESCRIPTION
        if not folder.is_dir():
            raise InputError(f"there is no prepared dataset at {folder}; prepare it first")
        if not file.is_file():
            raise InputError(
                f"{file} does not exist: this is not a prepared dataset, or it is incomplete; prepare it again"
            )
        try:
            return cls.model_validate_json(file.read_bytes())
        except ValidationError as error:
            problem = error.errors()[0]
            key = ".".join(map(str, problem["loc"])) or "the whole file"
            raise InputError(f"{file}: {key}: {problem['msg']}; prepare the dataset again") from error

    def write(self, folder: Path) -> None:
        absent = {name for name, field in type(self).model_fields.items() if getattr(self, name) == field.default}
        text = self.model_dump_json(indent=2, exclude=absent)
        (folder / DESCRIPTION).write_text(text + "\n", encoding="utf-8")
