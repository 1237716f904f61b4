"""Images of one of COCO's sets as columns: what was read of them, and which of them are taken."""

from itertools import compress
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ldm_pipelines.errors import InputError
from ldm_pipelines.preparation.annotations.box_table import BoxTable
from ldm_pipelines.preparation.annotations.coco_annotations import AnnotationFile


class CocoImages(NamedTuple):
    """An element for each image; images are in the order of their file names."""

    ids: list[int]
    files: list[str]
    """Below the folder of images."""
    captions: list[tuple[str, ...]] | None = None
    """By the ids of the annotations, without white space at either end; empty ones are left out."""
    boxes: BoxTable | None = None

    def places(self) -> dict[int, int]:
        """Position of each image by its id."""
        return {identity: place for place, identity in enumerate(self.ids)}

    def part(self, images: slice) -> "CocoImages":
        """Some of them, one after another."""
        return CocoImages(
            self.ids[images],
            self.files[images],
            None if self.captions is None else self.captions[images],
            None if self.boxes is None else self.boxes.part(images),
        )

    def only(self, kept: NDArray[np.bool_]) -> "CocoImages":
        """Those for which ``kept`` is true."""
        return CocoImages(
            [*compress(self.ids, kept)],
            [*compress(self.files, kept)],
            None if self.captions is None else [*compress(self.captions, kept)],
            None if self.boxes is None else self.boxes.only(kept),
        )

    def with_captions_of(self, captioned: "CocoImages") -> "CocoImages":
        """The same images with the captions that are there under their ids; ``()`` where there are none."""
        said = dict(zip(captioned.ids, captioned.captions or (), strict=True))
        return self._replace(captions=[said.get(identity, ()) for identity in self.ids])


def images_of(content: AnnotationFile) -> CocoImages:
    """The images that an annotation file lists. Raises ``InputError``."""
    ids, files = [*content.positions("images")], content.file_names()
    order = sorted(range(len(files)), key=files.__getitem__)
    return CocoImages([ids[row] for row in order], [files[row] for row in order])


def read_ids(file: Path) -> set[int]:
    """Ids of images, one in each line, as COCO's own lists have them. Raises ``InputError`` naming the line."""
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"{file} is not a text file in UTF-8: {error}") from error
    ids = set()
    for number, line in enumerate(map(str.strip, lines), start=1):
        if line and not (line.isascii() and line.isdigit() and len(line) < 19):
            raise InputError(f"{file}: line {number} must be the id of an image, a whole number, not {line[:40]!r}")
        if line:
            ids.add(int(line))
    if not ids:
        raise InputError(f"{file} lists no image; write an id in each line, or set source.image_ids to null")
    return ids
