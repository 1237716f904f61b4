"""Which upright circle, square or triangle lies in a box, by search for the one that covers what is seen of it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ldm_pipelines.data.scenes import SHAPES

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

STEPS = (2.0, 1.0, 0.5, 0.25, 0.125)
"""By how many pixels the sides of a box are moved, while that helps."""
REACH = 2.0
"""Pixels that a box may reach beyond what is looked at: hidden sides must not wander off."""
EQUAL_SIDES = 0.1
"""What a score loses where a box is twice as wide as high: of a shape half hidden, the likeliest is as wide as high."""


@dataclass(frozen=True)
class Fit:
    """``sides``: left, top, right and bottom in pixels."""

    shape: str
    sides: tuple[float, float, float, float]
    agreement: float
    """1 - the part of the pixels of either, shape or what is seen, where one contradicts the other: they differ by more
    than half. Soft edges don't contradict."""
    cover: Floats
    """(h, w): the part of each pixel that the shape covers."""


def cover(shape: str, sides: Floats, size: tuple[int, int]) -> Floats:
    """Part of each pixel that a shape covers: (n, h, w) in [0, 1] of n boxes, ``sides`` (n, 4), in an image (h, w).

    A shape fills its box; a triangle stands on its base. Exact for edges along the axes, close for others.
    """
    left, top, right, bottom = (side[:, None, None] for side in sides.T)
    x, y = np.arange(size[1])[None, None, :] + 0.5, np.arange(size[0])[None, :, None] + 0.5
    width, height = right - left, bottom - top
    if shape == "circle":
        across, down = (2 * x - left - right) / width, (2 * y - top - bottom) / height
        radius = np.hypot(across, down)
        # from relative to absolute distance, by the gradient: an ellipse's edge is not equally steep everywhere
        slope = np.hypot(2 * across / width, 2 * down / height) / np.maximum(radius, 1e-9)
        return np.asarray(np.clip(0.5 + (1 - radius) / np.maximum(slope, 1e-9), 0, 1))
    rows = np.clip(np.minimum(y + 0.5, bottom) - np.maximum(y - 0.5, top), 0, 1)
    if shape == "square":
        return np.asarray(rows * np.clip(np.minimum(x + 0.5, right) - np.maximum(x - 0.5, left), 0, 1))
    half = width / 2 * (y - top) / height  # of the triangle's width at the pixel's height
    slant = np.hypot(1, width / 2 / height)
    return np.asarray(rows * np.clip(0.5 + (half - np.abs(x - (left + right) / 2)) / slant, 0, 1))


def fit_shape(seen: Floats, visible: Bools, patch: Bools, margin: int) -> Fit:
    """The shape and the box that agree best with what is ``seen``, (h, w) in [0, 1], where it is ``visible``, (h, w).

    The search begins at the box of ``patch``, (h, w), and looks at ``margin`` pixels around it. Where something else
    hides a shape, the shape goes on behind it.
    """
    rows, columns = np.flatnonzero(patch.any(axis=1)), np.flatnonzero(patch.any(axis=0))
    top, left = max(rows[0] - margin, 0), max(columns[0] - margin, 0)
    window = slice(top, rows[-1] + 1 + margin), slice(left, columns[-1] + 1 + margin)
    start = np.array([columns[0] - left, rows[0] - top, columns[-1] + 1 - left, rows[-1] + 1 - top], dtype=np.float64)
    view = _View(seen[window], visible[window].astype(np.float64))
    shape, sides, _ = max((_search(shape, view, start) for shape in SHAPES), key=lambda found: found[2])
    agreement = 1 - view.contradiction(cover(shape, sides[None], view.size)[0])
    sides = sides + np.array([left, top, left, top])
    covered = cover(shape, sides[None], (seen.shape[0], seen.shape[1]))[0]
    return Fit(shape, (float(sides[0]), float(sides[1]), float(sides[2]), float(sides[3])), agreement, covered)


@dataclass(frozen=True)
class _View:
    """What is seen in a window, and where it can be seen: (h, w) each."""

    seen: Floats
    visible: Floats

    @property
    def size(self) -> tuple[int, int]:
        return self.seen.shape[0], self.seen.shape[1]

    def scores(self, shape: str, sides: Floats) -> Floats:
        """Of n boxes (n, 4): soft intersection over union, less a little for unequal sides."""
        covered = cover(shape, sides, self.size)
        both = (np.minimum(covered, self.seen) * self.visible).sum(axis=(1, 2))
        either = (np.maximum(covered, self.seen) * self.visible).sum(axis=(1, 2))
        aspect = np.abs(np.log2((sides[:, 2] - sides[:, 0]) / (sides[:, 3] - sides[:, 1])))
        return np.asarray(both / np.maximum(either, 1e-9) - EQUAL_SIDES * aspect)

    def contradiction(self, covered: Floats) -> float:
        either = (np.maximum(covered, self.seen) >= 0.5) & (self.visible > 0)
        return float((np.abs(covered - self.seen) > 0.5)[either].mean()) if either.any() else 1.0


def _search(shape: str, view: _View, start: Floats) -> tuple[str, Floats, float]:
    """The best box of a shape, (4,), and its score."""
    best, score = start, view.scores(shape, start[None])[0]
    for step in STEPS:
        while True:
            candidates = _neighbours(best, step, view.size)
            if not len(candidates):
                break
            scores = view.scores(shape, candidates)
            place = int(scores.argmax())
            if scores[place] <= score + 1e-9:
                break
            best, score = candidates[place], scores[place]
    return shape, best, float(score)


_MOVES = np.array([
    [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1],  # one side
    [1, 0, 1, 0], [0, 1, 0, 1], [1, 1, 1, 1], [1, -1, 1, -1],  # the whole box
    [-1, -1, 1, 1], [-1, -1, 0, 0], [0, -1, 1, 0], [-1, 0, 0, 1], [0, 0, 1, 1],  # its size, or a corner
], dtype=np.float64)  # fmt: skip
MOVES = np.concatenate([_MOVES, -_MOVES])


def _neighbours(sides: Floats, step: float, size: tuple[int, int]) -> Floats:
    moved = sides + step * MOVES
    inside = (moved[:, :2].min(axis=1) >= -REACH) & (moved[:, 2] <= size[1] + REACH) & (moved[:, 3] <= size[0] + REACH)
    return moved[inside & (moved[:, 2] - moved[:, 0] >= 1) & (moved[:, 3] - moved[:, 1] >= 1)]
