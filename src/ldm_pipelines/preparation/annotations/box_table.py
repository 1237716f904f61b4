"""Boxes of many images as a few compact columns that are sorted by image."""

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from ldm_pipelines.data.boxes import Box

Ids = NDArray[np.uint64]

DECIMALS = 6
"""Of a box's corners: OpenImages publishes so many, and single precision holds them."""


class BoxTable(NamedTuple):
    """Boxes of images. Box j belongs to image i where ``starts[i] <= j < starts[i + 1]``."""

    ids: Ids
    """Of the images, rising: the numbers by which the source counts them."""
    starts: NDArray[np.int64]
    labels: NDArray[np.int16]
    corners: NDArray[np.float32]
    """``(boxes, 4)``: left, right, top, bottom in fractions of the image, in the order they were given."""

    @classmethod
    def empty(cls, ids: Ids) -> Self:
        """Images without boxes."""
        starts = np.broadcast_to(np.int64(0), len(ids) + 1)
        return cls(ids, starts, np.empty(0, np.int16), np.empty((0, 4), np.float32))

    @classmethod
    def of(cls, owners: Ids, labels: NDArray[np.int16], corners: NDArray[np.float32], ids: Ids | None = None) -> Self:
        """Of boxes and the ids of their images. ``ids``: all images, rising; None: those that have a box."""
        if (owners[1:] < owners[:-1]).any():
            order = np.argsort(owners, kind="stable")
            owners, labels, corners = owners[order], labels[order], corners[order]
        ids = np.unique(owners) if ids is None else ids
        return cls(ids, np.append(np.searchsorted(owners, ids), len(owners)), labels, corners)

    def part(self, images: slice) -> "BoxTable":
        """Some of the images, one after another."""
        starts = self.starts[images.start : images.stop + 1]
        rows = slice(starts[0], starts[-1])
        return BoxTable(self.ids[images], starts - starts[0], self.labels[rows], self.corners[rows])

    def only(self, kept: NDArray[np.bool_]) -> "BoxTable":
        """The images for which ``kept`` is true."""
        counts = np.diff(self.starts)
        rows = np.repeat(kept, counts)
        starts = np.concatenate([[0], np.cumsum(counts[kept])])
        return BoxTable(self.ids[kept], starts, self.labels[rows], self.corners[rows])

    def within(self, fewest: int, most: int) -> NDArray[np.bool_]:
        """Which images have so many boxes."""
        counts = np.diff(self.starts)
        return (counts >= fewest) & (counts <= most)

    def boxes(self, image: int) -> tuple[Box, ...]:
        """Those of the image at this position, with the decimals that single precision holds."""
        rows = slice(self.starts[image], self.starts[image + 1])
        return tuple(
            _box(label, *(round(corner, DECIMALS) for corner in corners))
            for label, corners in zip(self.labels[rows].tolist(), self.corners[rows].tolist(), strict=True)
        )


def _box(label: int, left: float, right: float, top: float, bottom: float) -> Box:
    return Box(label, left, top, round(right - left, DECIMALS), round(bottom - top, DECIMALS))
