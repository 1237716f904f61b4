"""What a source answers: every image it knows of, readable or not, in a fixed order."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ldm_pipelines.data.boxes import Box


@dataclass(frozen=True)
class Candidate:
    """An image that may be prepared."""

    origin: str
    """Where it comes from, for people: a path relative to the raw folder, or a row of an embedded data set."""
    label: str | None
    """Name of its class, if it has one."""
    open: Callable[[], Image.Image]
    """Opens the image; raises ``Undecodable`` (or whatever the decoder raises) where that is not possible."""
    signature: str = ""
    """Changes when the content may have changed (size and time of the file); decides what a resumed run may keep."""
    split: str | None = None
    """Where the source decides it; else the pixels do."""
    caption: str | None = None
    boxes: Sequence[Box] = ()
    """In fractions of the image, which must be square: crops would cut them."""
    draw_map: Callable[[int], NDArray[np.uint8]] | None = None
    """Semantic map ``(s, s)`` of a square image, for any s: indices into the listing's ``map_classes``."""


@dataclass(frozen=True)
class Refused:
    """An entry that is not even opened, and why."""

    origin: str
    reason: str


@dataclass(frozen=True)
class Listing:
    """All entries of a source, sorted, and how many files were passed over, by extension."""

    entries: list[Candidate | Refused]
    ignored: dict[str, int] = field(default_factory=dict)
    box_classes: tuple[str, ...] = ()
    """Names that boxes' labels index; empty where images have no boxes."""
    map_classes: tuple[str, ...] = ()
    """Names that the pixels of maps index; empty where images have no maps."""
