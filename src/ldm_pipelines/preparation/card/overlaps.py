"""Images that two splits share, and what is said about them."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from ldm_pipelines.preparation.card.contents import LEAKS

logger = logging.getLogger(__name__)


class Twins(NamedTuple):
    """Two images, by id; ``distance`` is in bits of the perceptual hash, 0 for exact copies."""

    left: str
    right: str
    distance: int = 0


class Leak(NamedTuple):
    """An image that is measured on and was trained on."""

    split: str
    id: str
    kind: Literal["copy", "looks the same"]
    train_id: str
    """The image of train that it is the same as."""
    bits: int
    """By which their perceptual hashes differ."""


@dataclass(frozen=True)
class Overlap:
    """Images that two splits share. ``pairs`` counts every image of one with every image of the other."""

    splits: tuple[str, str]
    pairs: int
    images: tuple[int, int]
    """How many images of either split have a twin in the other."""
    twins: tuple[Twins, ...]
    """The first, or closest; of near duplicates those whose pictures are alike."""

    @property
    def leak(self) -> bool:
        """Whether what is measured on was trained on."""
        return self.splits[0] == "train" and self.pairs > 0


@dataclass(frozen=True)
class Near(Overlap):
    """Pairs by their hashes; ``alike`` of the ``looked_at`` closest also by their pictures."""

    found: tuple[Twins, ...] = ()
    """All whose pictures are alike."""
    looked_at: int = 0
    alike: int = 0
    crowded: int = 0
    """Images that were not compared with a crowd whose hashes agree in too many bits."""
    complete: bool = True

    @property
    def leak(self) -> bool:
        return self.splits[0] == "train" and self.alike > 0


@dataclass(frozen=True)
class Copies:
    """Exact copies within a split: images that another one before them is the same as."""

    split: str
    images: int
    twins: tuple[Twins, ...]


def leaks(copies: Iterable[Leak], near: Iterable[Near]) -> list[Leak]:
    """All that was trained on and is measured on: exact copies, then what looks the same and is none."""
    found = [*copies]
    known = {(leak.split, leak.id) for leak in found}
    found += [
        Leak(overlap.splits[1], pair.right, "looks the same", pair.left, pair.distance)
        for overlap in near
        if overlap.leak
        for pair in overlap.found
        if (overlap.splits[1], pair.right) not in known
    ]
    return found


def leak_warnings(name: str, exact: Iterable[Overlap], near: Iterable[Near]) -> list[str]:
    """What was trained on and is measured on, in words; each is logged as a warning."""
    told = [
        f"{overlap.images[1]:,} images of {overlap.splits[1]} are exact copies of images of {overlap.splits[0]} "
        f"({overlap.pairs:,} pairs; {_first(overlap)})"
        for overlap in exact
        if overlap.leak
    ]
    told += [
        f"{overlap.splits[1]} has near duplicates of {overlap.splits[0]}: {overlap.alike:,} pairs look the same, "
        f"of the {overlap.looked_at:,} closest of {overlap.pairs:,} pairs with like hashes ({_first(overlap)})"
        for overlap in near
        if overlap.leak
    ]
    for text in told:
        logger.warning("dataset %r: what is measured on was trained on: %s", name, text)
    return told


def _first(overlap: Overlap) -> str:
    """``the first: a = b, c = d``, the first split's image to the left."""
    count = overlap.alike if isinstance(overlap, Near) else overlap.pairs
    all_of_them = f"; all are in {LEAKS}" if count > len(overlap.twins) else ""
    return "the first: " + ", ".join(f"{pair.left} = {pair.right}" for pair in overlap.twins) + all_of_them
