"""Bounding boxes."""

from typing import NamedTuple


class Box(NamedTuple):
    """A box in fractions of the image: ``x``, ``y`` its top left corner, x to the right and y down."""

    label: int
    """Index into the dataset's box classes."""
    x: float
    y: float
    width: float
    height: float
