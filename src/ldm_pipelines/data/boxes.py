"""Bounding boxes."""

from collections.abc import Iterable
from typing import NamedTuple


class Box(NamedTuple):
    """A box in fractions of the image: ``x``, ``y`` its top left corner, x to the right and y down."""

    label: int
    """Index into the dataset's box classes."""
    x: float
    y: float
    width: float
    height: float


def centre_cropped(boxes: Iterable[Box], width: int, height: int) -> list[Box]:
    """Boxes of a ``width`` x ``height`` image in fractions of its centre square; what lies outside is cut off.

    Boxes of which nothing is left are dropped; those of a square image stay as they are.
    """
    if width == height:
        return list(boxes)
    shorter = min(width, height)
    found = []
    for box in boxes:
        left, right = (_in_square(x * width, width, shorter) for x in (box.x, box.x + box.width))
        top, bottom = (_in_square(y * height, height, shorter) for y in (box.y, box.y + box.height))
        if right > left and bottom > top:
            found.append(Box(box.label, left, top, right - left, bottom - top))
    return found


def _in_square(position: float, side: int, shorter: int) -> float:
    return min(max((position - (side - shorter) / 2) / shorter, 0.0), 1.0)
