"""What a source answers: every image it knows of, readable or not, in a fixed order, a shard at a time."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from typing import Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ldm_pipelines.data.boxes import Box
from ldm_pipelines.data.decoding import Undecodable, open_bytes
from ldm_pipelines.data.originals import Location, Originals

SHARD = 256
"""Images of a shard where the source itself has none: what a kill may cost, and what is sent to a process at once."""


@dataclass(frozen=True)
class Candidate:
    """An image that may be prepared. It lies in a file (``location``), or is made by the source (``open``)."""

    origin: str
    """Where it comes from, for people: a path relative to the raw folder, or a row of an embedded data set."""
    label: str | None
    """Name of its class, if it has one."""
    open: Callable[[], Image.Image] | None = None
    """Opens the image; raises ``Undecodable`` (or whatever the decoder raises) where that is not possible."""
    location: Location | None = None
    """Of the encoded image below the raw folder; only what has one can be left where it lies."""
    signature: str = ""
    """Changes when the content may have changed (size and time of the file); decides what a resumed run may keep."""
    split: str | None = None
    """Where the source decides it; else the image's content does."""
    caption: str | None = None
    boxes: Sequence[Box] = ()
    """In fractions of the whole image, before any crop."""
    draw_map: Callable[[int], NDArray[np.uint8]] | None = None
    """Semantic map ``(s, s)`` of a square image, for any s: indices into the listing's ``map_classes``."""
    map_location: Location | None = None
    """Of an image file with the semantic map, as large as the image: one byte per pixel (see ``Listing.map_shift``)."""

    @property
    def said(self) -> str:
        """Changes when the content may have changed, or anything that the source says of it.

        Lists and annotations lie in files of their own, which may be edited while the image stays as it is.
        """
        boxes = [tuple(box) for box in self.boxes]
        claims = (self.label, self.split, self.caption, boxes, self.location, self.map_location)
        return f"{self.signature} {sha256(repr(claims).encode()).hexdigest()[:16]}"

    def opener(self, originals: Originals) -> Callable[[], Image.Image]:
        """Opens the image, wherever it is; raises ``Undecodable``, ``NotInside``, or whatever the decoder raises."""
        if self.open is not None:
            return self.open
        location = self.location
        if location is None:
            raise ValueError(f"{self.origin}: neither a location nor a way to open it")
        return lambda: open_bytes(read_original(originals, location))


def read_original(originals: Originals, location: Location) -> bytes:
    """The encoded image. Raises ``Undecodable`` with a reason free of absolute paths, or ``NotInside``."""
    try:
        return originals.read(location)
    except OSError as error:
        raise Undecodable(f"unreadable: {error.strerror or error}") from error
    except (KeyError, ValueError) as error:
        raise Undecodable(f"unreadable: {error.args[0] if error.args else error}") from error


@dataclass(frozen=True)
class Refused:
    """An entry that is not even opened, and why."""

    origin: str
    reason: str


Entry = Candidate | Refused


@dataclass(frozen=True)
class Shard:
    """Some entries of a source, listed when asked for, perhaps in another process (so it must be picklable)."""

    entries: Callable[[], Iterable[Entry]]
    """The same entries in the same order at every call. A generator: it is not held in memory."""
    name: str = ""
    """For people: the container's path, or the first image's origin."""
    signature: str = ""
    """Changes when anything in it, or said of it, may have changed; empty where only the entries themselves tell."""
    size: int | None = None
    """Number of entries, where that is known without listing them."""
    first: int | None = None
    """Position of its first entry in the source, where that is known; images' ids are made of it."""


@dataclass(frozen=True)
class Listing:
    """All of a source. Cheap: nothing is opened that holds images, and entries are listed shard by shard."""

    shards: Sequence[Shard]
    classes: tuple[str, ...] | None = None
    """Names that labels index; None: the names that occur, sorted."""
    ignored: Mapping[str, int] = field(default_factory=dict)
    """How many files were passed over, by extension."""
    box_classes: tuple[str, ...] = ()
    """Names that boxes' labels index; empty where images have no boxes."""
    map_classes: tuple[str, ...] = ()
    """Names that the pixels of maps index; empty where images have no maps."""
    map_shift: int = 0
    """Added (modulo 256) to the pixels of map files to give such an index: 1 makes 255, "unlabelled", the first."""
    split_by: str = ""
    """What decided which image is in which split, for people, where that depends on what was found."""
    one_process: bool = False
    """Whether the entries hold what should not be sent to other processes (decoded images)."""

    @classmethod
    def of(
        cls,
        entries: Iterable[Entry],
        *,
        ignored: Mapping[str, int] | None = None,
        box_classes: tuple[str, ...] = (),
        map_classes: tuple[str, ...] = (),
    ) -> Self:
        """Of entries that are all in memory already."""
        known = tuple(entries)
        shards = [
            Shard(partial(iter, chunk), size=len(chunk), first=first)
            for first in range(0, len(known), SHARD)
            if (chunk := known[first : first + SHARD])
        ]
        return cls(shards, ignored=ignored or {}, box_classes=box_classes, map_classes=map_classes, one_process=True)

    def entries(self) -> list[Entry]:
        """All entries of all shards."""
        return [entry for shard in self.shards for entry in shard.entries()]
