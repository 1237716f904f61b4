"""Image files, of a folder or inside an archive."""

import logging
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ldm_pipelines.data.decoding import Undecodable, decode
from ldm_pipelines.data.originals import NotInside, Originals
from ldm_pipelines.errors import InputError
from ldm_pipelines.evaluation.images.preprocessing import Preprocessing
from ldm_pipelines.preparation.listing.entries import Candidate, Listing, Refused

log = logging.getLogger(__name__)


class ImageFiles:
    """The images of a listing, decoded when asked for, as the preparation of datasets decodes them.

    That is: RGB, EXIF orientation applied, transparency composited over white, 16-bit greys divided by 257. Where
    preparation leaves an image out, this raises: a metric is of all images or of none. Nothing is kept in memory.
    """

    def __init__(self, where: Path, listing: Listing, preprocessing: Preprocessing | None, class_folders: bool) -> None:
        """``where`` is the folder or archive. Without ``preprocessing`` all images must have the size of the first.

        Raises:
            InputError: no image, one that can't be opened, none in a folder where ``class_folders`` asks for classes,
                or, without preprocessing, a first image that is damaged or not square.
        """
        self._where, self._originals = where, Originals(where)
        self._preprocessing = preprocessing
        self._entries = [self._accept(entry) for entry in listing.entries()]
        passed_over = ", ".join(f"{count} {extension}" for extension, count in listing.ignored.items())
        if not self._entries:
            raise InputError(f"{where} holds no images" + (f", only other files: {passed_over}" if passed_over else ""))
        if passed_over:
            log.warning("%s: passed over files that are no images: %s", where, passed_over)
        self.ids = [entry.origin for entry in self._entries]
        names = [entry.label if class_folders else None for entry in self._entries]
        self.classes = sorted({name for name in names if name is not None})
        """Names of the folders that images lie in, which labels index; empty where they were not asked for."""
        if class_folders and not self.classes:
            raise InputError(f"{where} has no folders that could be classes: all images lie at its top")
        places = {name: place for place, name in enumerate(self.classes)}
        self.labels: NDArray[np.int64] = np.array([places.get(name or "", -1) for name in names], dtype=np.int64)
        self.image_size = self._side_of_the_first() if preprocessing is None else preprocessing.image_size

    def __len__(self) -> int:
        return len(self.ids)

    def pixels(self, indices: NDArray[np.integer]) -> NDArray[np.uint8]:
        """uint8 (b, s, s, 3). Raises ``InputError`` naming an image that is missing, damaged or of another size."""
        return np.stack([self._square(int(index)) for index in indices])

    def _square(self, index: int) -> NDArray[np.uint8]:
        pixels = self._decode(index)
        if pixels.shape != (self.image_size, self.image_size, 3):
            height, width, _ = pixels.shape
            raise InputError(
                f"{self._where}: {self.ids[index]} has {width} x {height} pixels, {self.ids[0]} {self.image_size} x "
                f"{self.image_size}; {_REMEDY}"
            )
        return pixels

    def _side_of_the_first(self) -> int:
        height, width, _ = self._decode(0).shape
        if width != height:
            raise InputError(f"{self._where}: {self.ids[0]} has {width} x {height} pixels, no square; {_REMEDY}")
        return width

    def _decode(self, index: int) -> NDArray[np.uint8]:
        try:
            image, _ = decode(self._entries[index].opener(self._originals))
        except (Undecodable, NotInside) as error:
            raise self._refusal(self.ids[index], str(error)) from error
        return np.asarray(image) if self._preprocessing is None else self._preprocessing.apply(image)

    def _accept(self, entry: Candidate | Refused) -> Candidate:
        if isinstance(entry, Refused):
            raise self._refusal(entry.origin, entry.reason)
        return entry

    def _refusal(self, origin: str, reason: str) -> InputError:
        return InputError(f"{self._where}: {origin}: {reason}; replace or remove this image")


_REMEDY = "give image_size and resize to crop and resize all images"
