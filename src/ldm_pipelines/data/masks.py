"""Holes for inpainting: the thick masks of LaMa (Suvorov et al., 2022), with lengths as fractions of the image's side.

As released there: chains of brush strokes whose directions are whole radians, mirrored in every second chain; or boxes
away from the edge. Strokes are drawn as the pixels near a segment, so their ends and joints are round.
"""

import numpy as np
from numpy.typing import NDArray

from ldm_pipelines.data.spec import Masks
from ldm_pipelines.errors import InputError

Mask = NDArray[np.bool_]

DIRECTIONS = 4
"""LaMa's ``max_angle``: directions are 0, 1, 2 or 3 radians."""
FIRST_DIRECTION = 0.01
ATTEMPTS = 1000
"""So many masks in a row over the largest area mean that it is out of reach."""


def draw_mask(size: int, spec: Masks, rng: np.random.Generator) -> Mask:
    """A mask ``(size, size)``, True where the image is hidden: at least one pixel, at most ``spec.largest_area``.

    Raises ``InputError`` where the lengths leave no mask below the largest area.
    """
    for _ in range(ATTEMPTS):
        irregular = rng.random() < spec.irregular_probability
        mask = draw_strokes(size, spec, rng) if irregular else draw_boxes(size, spec, rng)
        if 0 < mask.mean() <= spec.largest_area:
            return mask
    raise InputError(
        f"masks.largest_area {spec.largest_area:g}: {ATTEMPTS} masks of {size} x {size} pixels were all larger; "
        "raise it, or make stroke_length, stroke_width and box_side smaller"
    )


def draw_strokes(size: int, spec: Masks, rng: np.random.Generator) -> Mask:
    """Chains of strokes from anywhere in the image; ends are kept inside it."""
    mask = np.zeros((size, size), dtype=np.bool_)
    for chain in range(rng.integers(*spec.strokes, endpoint=True)):
        start = rng.integers(size, size=2) + 0.5  # on a pixel's centre: no stroke is too thin to be seen
        for _ in range(rng.integers(*spec.strokes, endpoint=True)):
            angle = FIRST_DIRECTION + rng.integers(DIRECTIONS)
            angle = -angle if chain % 2 == 0 else angle
            length, width = size * rng.uniform(*spec.stroke_length), size * rng.uniform(*spec.stroke_width)
            end = np.clip(start + length * np.array([np.sin(angle), np.cos(angle)]), 0, size)
            mask |= _stroke(size, start, end, width)
            start = end
    return mask


def draw_boxes(size: int, spec: Masks, rng: np.random.Generator) -> Mask:
    """Boxes of whole pixels, at least one, at most what the margin leaves."""
    mask = np.zeros((size, size), dtype=np.bool_)
    margin = round(size * spec.box_margin)
    room = max(1, size - 2 * margin)
    for _ in range(rng.integers(*spec.boxes, endpoint=True)):
        sides = np.clip(np.rint(size * rng.uniform(*spec.box_side, size=2)), 1, room).astype(int)
        left, top = (min(margin, size - 1) + rng.integers(room - sides, endpoint=True)).tolist()
        mask[top : top + sides[1], left : left + sides[0]] = True
    return mask


def _stroke(size: int, start: NDArray[np.floating], end: NDArray[np.floating], width: float) -> Mask:
    """Pixels whose centre is within half the width of the segment between two points (x, y)."""
    centres = np.arange(size) + 0.5
    x, y = centres[None, :] - start[0], centres[:, None] - start[1]
    dx, dy = end - start
    along = np.clip((x * dx + y * dy) / max(dx * dx + dy * dy, 1e-12), 0, 1)
    inside: Mask = np.hypot(x - along * dx, y - along * dy) <= width / 2
    return inside
