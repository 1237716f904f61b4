"""Pictures of sample sets for people: a sheet of classes, of anything, or of conditions beside samples and truth."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ldm_pipelines.data.grids import save_grid

GRID_ROWS = 8
GRID_COLUMNS = 20
"""Classes at most."""
GALLERY_COLUMNS = 10
SMALLEST_TILE = 64
"""Pixels that a tile of a sheet has at least."""
SMALLEST_GALLERY_TILE = 96
"""A little larger: a condition may be text."""

Pixels = NDArray[np.uint8]


def class_grid_indices(count: int, classes: int) -> list[int]:
    """Which images a sheet of classes shows: one column per class, where image i has class i mod ``classes``."""
    columns, rows = min(classes, GRID_COLUMNS), min(GRID_ROWS, max(1, count // classes))
    chosen = [row * classes + column for row in range(rows) for column in range(columns)]
    return [index for index in chosen if index < count]


def gallery_indices(count: int, conditions: int) -> list[int]:
    """Which images a gallery shows: different conditions, evenly spread, so that they aren't all of one photograph."""
    different = min(count, conditions)
    columns = min(GALLERY_COLUMNS, different)
    return [number * different // columns for number in range(columns)]


def save_sheet(path: Path, pixels: Pixels, columns: int) -> None:
    """Images (n, h, w, 3) row by row."""
    save_grid(path, pixels, columns=columns, scale=_scale(pixels, SMALLEST_TILE))


def save_gallery(path: Path, rows: Sequence[tuple[str, Pixels]]) -> None:
    """Named rows of images (n, h, w, 3), all of the same sizes; the name stands below each row's first image."""
    captions = [name if column == 0 else "" for name, pixels in rows for column in range(len(pixels))]
    tiles = np.concatenate([pixels for _, pixels in rows])
    save_grid(path, tiles, columns=len(rows[0][1]), captions=captions)


def enlarged(pixels: Pixels) -> Pixels:
    """Images (n, h, w, 3) with each pixel enlarged to a square, until they can be looked at."""
    scale = _scale(pixels, SMALLEST_GALLERY_TILE)
    return pixels.repeat(scale, axis=1).repeat(scale, axis=2)


def _scale(pixels: Pixels, smallest: int) -> int:
    return max(1, smallest // int(pixels.shape[1]))
