"""Where a prepared dataset's pixels come from: its own PNG files, or originals that are left where they lie."""

from hashlib import sha256
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from ldm_pipelines.data.decoding import Undecodable, decode, decode_map, open_bytes
from ldm_pipelines.data.description import Description
from ldm_pipelines.data.originals import Location, NotInside, Originals
from ldm_pipelines.data.remote import RemoteFolder
from ldm_pipelines.data.resizing import random_place, random_square, resize_and_crop, square_map
from ldm_pipelines.errors import InputError

AGAIN = "prepare the dataset again"


class ImageStore(Protocol):
    """Images and maps of some rows of a manifest, by position."""

    def ahead(self, indices: NDArray[np.integer]) -> None:
        """These images are read soon."""
        ...

    def image(self, index: int, rng: np.random.Generator | None) -> NDArray[np.uint8]:
        """uint8 ``(s, s, 3)``; ``rng`` draws the place of a random crop, None is the centre. Raises ``InputError``."""
        ...

    def pass_by(self, index: int, rng: np.random.Generator) -> None:
        """Draw what ``image`` would draw, and read nothing."""
        ...

    def semantic_map(self, index: int) -> NDArray[np.uint8]:
        """uint8 ``(s, s)``: classes. Raises ``InputError``."""
        ...


class Packed:
    """Prepared PNG files."""

    def __init__(self, folder: Path, description: Description, rows: pd.DataFrame) -> None:
        self._folder, self._size = folder, description.image_size
        self._paths: list[str] = rows["path"].tolist()
        self._ids: list[str] = rows["id"].tolist()

    def ahead(self, indices: NDArray[np.integer]) -> None:
        pass

    def image(self, index: int, rng: np.random.Generator | None) -> NDArray[np.uint8]:
        return self._read(self._folder / self._paths[index], (self._size, self._size, 3))

    def pass_by(self, index: int, rng: np.random.Generator) -> None:
        pass

    def semantic_map(self, index: int) -> NDArray[np.uint8]:
        return self._read(self._folder / "maps" / f"{self._ids[index]}.png", (self._size, self._size))

    def _read(self, file: Path, wanted: tuple[int, ...]) -> NDArray[np.uint8]:
        try:
            with Image.open(file, formats=["PNG"]) as image:
                pixels = np.asarray(image)
        except (OSError, SyntaxError, ValueError) as error:
            raise InputError(f"{file} cannot be read ({error}); {AGAIN}") from error
        if pixels.shape != wanted or pixels.dtype != np.uint8:
            raise InputError(f"{file} holds {pixels.dtype}{pixels.shape}, not uint8{wanted}; {AGAIN}")
        return pixels


class InPlace:
    """Originals, decoded, cropped and resized as packed ones once were. Their bytes must be those of the manifest."""

    def __init__(self, raw: Path | RemoteFolder, description: Description, rows: pd.DataFrame) -> None:
        """Raises ``InputError`` where the raw folder is missing."""
        if isinstance(raw, Path) and not raw.is_dir():
            raise InputError(
                f"the images of dataset {description.name!r} are read where they lie, and {raw} is not there; put them "
                f"back, or a link to them, or set 'dataset_paths: {{{description.name}: /path/to/images}}' in "
                f"conf/local/compute.yml and {AGAIN}"
            )
        self._originals, self._facts = Originals(raw), description
        self._locations = [Location(*pair) for pair in zip(rows["path"], rows["member"], strict=True)]
        self._digests: list[str] = rows["sha256"].tolist()
        self._sizes: list[tuple[int, int]] = list(zip(rows["source_width"], rows["source_height"], strict=True))
        self._map_paths: list[str] = rows["map_path"].tolist() if "map_path" in rows else []
        self._map_digests: list[str] = rows["map_sha256"].tolist() if "map_sha256" in rows else []

    def ahead(self, indices: NDArray[np.integer]) -> None:
        self._originals.ahead({self._locations[index].path for index in indices})

    def image(self, index: int, rng: np.random.Generator | None) -> NDArray[np.uint8]:
        facts, location = self._facts, self._locations[index]
        encoded = self._bytes(location, self._digests[index])
        try:
            image, _ = decode(lambda: open_bytes(encoded))
        except Undecodable as error:
            raise InputError(f"{self._name(location)}: {error}; {AGAIN}") from error
        if rng is not None and facts.random_crop is not None:
            square = random_square(image, facts.image_size, facts.resize, facts.random_crop, rng)
        else:
            square = resize_and_crop(image, facts.image_size, facts.resize, facts.crop_first)
        return np.asarray(square)

    def pass_by(self, index: int, rng: np.random.Generator) -> None:
        if self._facts.random_crop is not None:
            random_place(self._sizes[index], self._facts.random_crop, rng)

    def semantic_map(self, index: int) -> NDArray[np.uint8]:
        location = Location(self._map_paths[index])
        encoded = self._bytes(location, self._map_digests[index])
        try:
            classes = decode_map(encoded, self._facts.map_shift)
        except Undecodable as error:
            raise InputError(f"{self._name(location)}: {error}; {AGAIN}") from error
        return square_map(classes, self._facts.image_size, self._facts.resize, self._facts.crop_first)

    def _bytes(self, location: Location, digest: str) -> bytes:
        try:
            encoded = self._originals.read(location)
        except (OSError, KeyError, ValueError, NotInside) as error:
            raise InputError(f"{self._name(location)} cannot be read ({error}); {AGAIN}") from error
        if sha256(encoded).hexdigest() != digest:
            raise InputError(f"{self._name(location)} has changed since the dataset was prepared; {AGAIN}")
        return encoded

    def _name(self, location: Location) -> str:
        inside = f" ({location.member})" if location.member else ""
        return f"dataset {self._facts.name!r}: {self._originals.root}/{location.path}{inside}"
