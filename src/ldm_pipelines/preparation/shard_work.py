"""One shard of a source: every image decoded, checked, hashed, and written where the dataset is packed."""

import json
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ldm_pipelines.data.boxes import centre_cropped
from ldm_pipelines.data.decoding import Undecodable, decode, decode_map, open_bytes, probe
from ldm_pipelines.data.originals import Location, NotInside, Originals
from ldm_pipelines.data.resizing import resize_and_crop, square_map
from ldm_pipelines.data.splits import assign_split, pixel_hash
from ldm_pipelines.errors import InputError
from ldm_pipelines.preparation.card.perceptual_hash import dhash
from ldm_pipelines.preparation.journal import Outcome, is_part_of, read_part, write_part
from ldm_pipelines.preparation.listing.entries import Candidate, Entry, Refused, Shard, read_original
from ldm_pipelines.preparation.spec import Dataset

HASHED_SIDE = 64
"""A JPEG is decoded at an eighth of its size, but not smaller than this, where only its hash is wanted."""

Prepared = tuple[dict[str, Any], tuple[int, int], str]
"""Columns of the manifest, width and height of the upright original, perceptual hash."""


@dataclass(frozen=True)
class ShardWork:
    """Everything but the shard. May be sent to other processes."""

    dataset: Dataset
    folder: Path
    """Where images and maps are written."""
    parts: Path
    originals: Originals
    map_classes: int
    map_shift: int
    header: str
    """Says what work this is; parts of other work are not continued."""

    def part(self, number: int) -> Path:
        return self.parts / f"{number:06d}.jsonl"

    def run(self, number: int, shard: Shard, threads: bool) -> int:
        """Prepare shard ``number`` and write its part; returns how many entries it has."""
        file, header = self.part(number), f"{self.header} {json.dumps([shard.name, shard.first, shard.signature])}"
        known: dict[int, Outcome] = {}
        if is_part_of(file, header):
            known = {outcome.number: outcome for outcome in read_part(file)}
            if shard.signature and self.dataset.storage == "in_place":
                return len(known)
        entries = list(shard.entries())
        names = partial(_identity, number, shard.first)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="PIL")  # damage is reported in rejected.parquet, bombs included
            outcomes = self._outcomes(entries, known, names, threads)
        write_part(file, header, outcomes)
        return len(outcomes)

    def _outcomes(
        self, entries: Sequence[Entry], known: dict[int, Outcome], names: Callable[[int, str], str], threads: bool
    ) -> list[Outcome]:
        def work(numbered: tuple[int, Entry]) -> Outcome:
            number, entry = numbered
            if isinstance(entry, Refused):
                return Outcome(number, entry.origin, "", reason=entry.reason)
            before = known.get(number)
            if before is not None and self._still_valid(before, entry):
                return before
            return self._outcome(number, entry, partial(names, number))

        if not threads:
            return [work(numbered) for numbered in enumerate(entries)]
        with ThreadPoolExecutor() as pool:  # Pillow works outside the interpreter lock
            return list(pool.map(work, enumerate(entries)))

    def _outcome(self, number: int, candidate: Candidate, identity: Callable[[str], str]) -> Outcome:
        try:
            prepare = self._left_in_place if self.dataset.storage == "in_place" else self._packed
            columns, size, hashed = prepare(candidate, identity)
        except (Undecodable, NotInside) as reason:
            return Outcome(number, candidate.origin, candidate.said, reason=str(reason))
        boxes = [list(box) for box in centre_cropped(candidate.boxes, *size)]
        return Outcome(
            number, candidate.origin, candidate.said, None, columns,
            candidate.label, candidate.caption, boxes, hashed,
        )  # fmt: skip

    def _packed(self, candidate: Candidate, identity: Callable[[str], str]) -> Prepared:
        dataset = self.dataset
        image, source_mode = decode(candidate.opener(self.originals))
        self._check_side(image.size)
        square = resize_and_crop(image, dataset.image_size, dataset.resize, dataset.crop_first)
        hashed = pixel_hash(np.asarray(square))
        name = identity(hashed)
        png = _png_bytes(np.asarray(square))
        columns = {
            "id": name,
            "path": f"images/{name}.png",
            **self._columns(candidate, source_mode, image.size, sha256(png).hexdigest(), hashed),
            "pixels": hashed,
        }
        drawn = self._drawn_map(candidate, image)
        if drawn is not None:
            map_png = _png_bytes(drawn)
            (self.folder / f"maps/{name}.png").write_bytes(map_png)
            columns["map_sha256"] = sha256(map_png).hexdigest()
        (self.folder / columns["path"]).write_bytes(png)
        return columns, image.size, f"{dhash(square):016x}"

    def _left_in_place(self, candidate: Candidate, identity: Callable[[str], str]) -> Prepared:
        if candidate.location is None:
            raise Undecodable("the file's name has bytes that are no text, or backslashes; rename it")
        encoded = self._read(candidate.location)
        digest = sha256(encoded).hexdigest()
        small, source_mode, size = probe(partial(open_bytes, encoded), HASHED_SIDE)
        self._check_side(size)
        columns = {
            "id": identity(digest),
            "path": candidate.location.path,
            "member": candidate.location.member,
            **self._columns(candidate, source_mode, size, digest, digest),
        }
        if candidate.map_location is not None:
            encoded_map = self._read(candidate.map_location)
            self._map(encoded_map, size)
            columns |= {"map_sha256": sha256(encoded_map).hexdigest(), "map_path": candidate.map_location.path}
        side = min(small.size)
        return columns, size, f"{dhash(resize_and_crop(small, side, 'box', crop_first=True)):016x}"

    def _columns(
        self, candidate: Candidate, source_mode: str, size: tuple[int, int], digest: str, decides: str
    ) -> dict[str, Any]:
        return {
            "origin": candidate.origin,
            "source_mode": source_mode,
            "source_width": size[0],
            "source_height": size[1],
            "width": self.dataset.image_size,
            "height": self.dataset.image_size,
            "sha256": digest,
            "split": candidate.split or self._split(candidate, decides),
        }

    def _split(self, candidate: Candidate, decides: str) -> str:
        if self.dataset.splits is None:
            raise InputError(
                f"dataset {self.dataset.name!r}: its files do not say which split {candidate.origin} belongs to; set "
                f"datasets.{self.dataset.name}.splits to fractions of train, validation and test"
            )
        return assign_split(decides, self.dataset.splits)

    def _read(self, location: Location) -> bytes:
        return read_original(self.originals, location)

    def _check_side(self, size: tuple[int, int]) -> None:
        if self.dataset.min_side is not None and min(size) < self.dataset.min_side:
            raise Undecodable(f"the shorter side is below min_side, {self.dataset.min_side} pixels")

    def _drawn_map(self, candidate: Candidate, image: Image.Image) -> NDArray[np.uint8] | None:
        size = self.dataset.image_size
        if candidate.draw_map is not None:
            self._check_square(image, candidate)
            return candidate.draw_map(size)
        if candidate.map_location is None:
            return None
        classes = self._map(self._read(candidate.map_location), image.size)
        return square_map(classes, size, self.dataset.resize, self.dataset.crop_first)

    def _map(self, encoded: bytes, size: tuple[int, int]) -> NDArray[np.uint8]:
        """Classes ``(h, w)`` of a map file, or a reason why not."""
        classes = decode_map(encoded, self.map_shift)
        height, width = classes.shape
        if (width, height) != size:
            raise Undecodable(f"its map has {width} x {height} pixels, the image {size[0]} x {size[1]}")
        if classes.max() >= self.map_classes:
            raise Undecodable(f"its map has class {int(classes.max())}, but there are {self.map_classes}")
        return classes

    def _check_square(self, image: Image.Image, candidate: Candidate) -> None:
        """The crop to a square would move a drawn map, which is that of the whole image."""
        if image.width != image.height:
            raise InputError(
                f"dataset {self.dataset.name!r}: {candidate.origin} has a drawn semantic map and is {image.width} x "
                f"{image.height} pixels; only square images can have one"
            )

    def _still_valid(self, outcome: Outcome, candidate: Candidate) -> bool:
        if (outcome.origin, outcome.said) != (candidate.origin, candidate.said):
            return False
        if outcome.reason is not None:  # worth another look: the cause may have been cured
            return False
        if self.dataset.storage == "in_place":
            return bool(candidate.signature)
        files = {outcome.columns["path"]: outcome.columns["sha256"]}
        if "map_sha256" in outcome.columns:
            files[f"maps/{outcome.columns['id']}.png"] = outcome.columns["map_sha256"]
        return all(_has_digest(self.folder / path, digest) for path, digest in files.items())


def _identity(shard: int, first: int | None, number: int, hashed: str) -> str:
    place = f"{shard:05d}-{number:05d}" if first is None else f"{first + number:07d}"
    return f"{place}-{hashed[:8]}"


def _png_bytes(pixels: NDArray[np.uint8]) -> bytes:
    """A PNG without metadata, so that the same pixels always give the same bytes."""
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG", compress_level=6)
    return buffer.getvalue()


def _has_digest(file: Path, digest: str) -> bool:
    return file.is_file() and sha256(file.read_bytes()).hexdigest() == digest
