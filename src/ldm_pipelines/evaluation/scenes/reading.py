"""What a program sees in an image of a scene: coloured shapes with their boxes, and a semantic map.

It knows the colours and shapes of the ``scenes`` source, nothing of the scene that an image is meant to show.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ldm_pipelines.data.boxes import Box
from ldm_pipelines.data.scenes import BACKGROUND, BOX_CLASSES, COLOURS
from ldm_pipelines.evaluation.scenes.shape_fitting import Fit, Floats, fit_shape

SMALLEST = 10 / 32**2
"""Part of the image that something must cover to be a thing and not a stain; the smallest shape covers 32 / 32^2."""
CLEAR = 0.8
"""Agreement with the best shape from which on something is that shape, and not a shapeless blob."""
LONGEST = 1.5
"""How many times longer than the other a side of a shape's box may be: two squares in a row are none."""
OUTSIDE = 2 / 32
"""How far a shape may reach beyond the image."""
LARGEST = 0.75
"""Longest side of a shape, as a part of the image's: an image of one colour alone shows none."""
MARGIN = 6 / 32
"""Part of the image's side around what is seen within which a shape may go on behind others."""
EXPLAINED = 0.5
"""A patch is a part of a shape already found, seen beyond what hides its middle, if it covers so much of the patch."""
GREY = 40
"""Largest difference of channels of what may be background."""

_COLOURS: Floats = np.array(list(COLOURS.values()), dtype=np.float64)
_NAMES = tuple(COLOURS)


@dataclass(frozen=True)
class FoundShape:
    """Something coloured. ``box`` is in fractions of the image; its label indexes ``BOX_CLASSES``."""

    box: Box
    agreement: float
    """With the ideal shape, in [0, 1]."""

    @property
    def clear(self) -> bool:
        """Whether it is a shape at all."""
        _, x, y, width, height = self.box
        inside = min(x, y, 1 - x - width, 1 - y - height) >= -OUTSIDE
        likely = max(width, height) <= min(LARGEST, LONGEST * min(width, height))
        return self.agreement >= CLEAR and likely and inside

    @property
    def colour(self) -> str:
        return BOX_CLASSES[self.box.label].split()[0]

    @property
    def shape(self) -> str:
        """The best of the three shapes, or ``blob``."""
        return BOX_CLASSES[self.box.label].split()[1] if self.clear else "blob"

    @property
    def name(self) -> str:
        return f"{self.colour} {self.shape}"

    @property
    def centre(self) -> tuple[float, float]:
        return self.box.x + self.box.width / 2, self.box.y + self.box.height / 2


@dataclass(frozen=True)
class SceneReading:
    shapes: tuple[FoundShape, ...]
    """By colour; of one colour the largest patch first."""
    map: NDArray[np.uint8]
    """(h, w): for each pixel its class in ``MAP_CLASSES``."""


def read_scene(pixels: NDArray[np.uint8]) -> SceneReading:
    """Find the shapes in an image, uint8 (h, w, 3)."""
    colours, opacity = _unmix(pixels.astype(np.float64))
    shapes, classes = [], np.zeros(colours.shape, dtype=np.uint8)
    for patch, fit in _patches(colours, opacity):
        label = BOX_CLASSES.index(f"{_NAMES[colours[patch][0] - 1]} {fit.shape}")
        classes[patch] = label + 1
        shapes.append(FoundShape(_box(label, fit, colours.shape), fit.agreement))
    return SceneReading(tuple(shapes), classes)


def _unmix(pixels: Floats) -> tuple[NDArray[np.int64], Floats]:
    """For each pixel its colour, 0 for background and 1 … 4, and how much of it is that colour, in [0, 1].

    A pixel on an edge is a mixture of the background and a colour, so it is compared with all of these, not with pure
    colours: half a yellow is nearer to red than to yellow or to the background.
    """
    background = _background(pixels)
    directions = _COLOURS - background
    offset = pixels - background
    share = np.clip(offset @ directions.T / (directions**2).sum(axis=1), 0, 1)  # (h, w, colours)
    distance = np.linalg.norm(offset[:, :, None] - share[..., None] * directions, axis=3)
    nearest = distance.argmin(axis=2)
    opacity = np.take_along_axis(share, nearest[..., None], axis=2)[..., 0]
    return np.where(opacity >= 0.5, nearest + 1, 0), opacity


def _background(pixels: Floats) -> Floats:
    """The median of what is dark and grey, (3,)."""
    values = pixels[(np.ptp(pixels, axis=2) < GREY) & (pixels.mean(axis=2) < 2 * BACKGROUND[1])]
    return np.median(values, axis=0) if len(values) else np.full(3, np.mean(BACKGROUND))


def _patches(colours: NDArray[np.int64], opacity: Floats) -> Iterator[tuple[NDArray[np.bool_], Fit]]:
    """Patches of one colour, (h, w), and the shapes they are seen of; per colour the largest first."""
    for colour in range(1, len(_NAMES) + 1):
        numbers, count = ndimage.label(colours == colour)
        patches = [numbers == number for number in range(1, count + 1)]
        left = sorted(patches, key=np.count_nonzero, reverse=True)
        while left and np.count_nonzero(left[0]) >= SMALLEST * colours.size:
            first, *left = left
            fit = _fit_patch(first, colours, opacity)
            parts = [patch for patch in left if fit.cover[patch].mean() >= EXPLAINED]
            left = [patch for patch in left if fit.cover[patch].mean() < EXPLAINED]
            yield np.logical_or.reduce([first, *parts]), fit


def _fit_patch(patch: NDArray[np.bool_], colours: NDArray[np.int64], opacity: Floats) -> Fit:
    hidden = ndimage.binary_dilation((colours > 0) & ~patch) & ~patch  # the edge of others tells nothing either
    seen = np.where(ndimage.binary_dilation(patch) & ~hidden, opacity, 0)
    return fit_shape(seen, ~hidden, patch, margin=round(MARGIN * len(patch)))


def _box(label: int, fit: Fit, size: tuple[int, ...]) -> Box:
    left, top, right, bottom = fit.sides
    return Box(label, left / size[1], top / size[0], (right - left) / size[1], (bottom - top) / size[0])
