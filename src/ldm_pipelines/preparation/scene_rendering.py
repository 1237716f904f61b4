"""From the objects of a scene to pixels and semantic maps. Later objects lie in front of earlier ones."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ldm_pipelines.data.scenes import COLOURS, SceneObject

SUPERSAMPLING = 4
"""Points per pixel and axis whose colours are averaged."""


def owners(objects: Sequence[SceneObject], size: int) -> NDArray[np.int64]:
    """Which object is seen at the centre of each of ``size`` x ``size`` pixels: its position + 1, or 0 for none."""
    centres = (np.arange(size) + 0.5) / size
    seen = np.zeros((size, size), dtype=np.int64)
    for number, item in enumerate(objects, start=1):
        seen[item.covers(centres[None, :], centres[:, None])] = number
    return seen


def render(objects: Sequence[SceneObject], background: int, size: int) -> NDArray[np.uint8]:
    """uint8 ``(size, size, 3)`` with soft edges, over a background of one grey level."""
    colours = np.array([(background,) * 3, *(COLOURS[item.colour] for item in objects)], dtype=np.float64)
    points = colours[owners(objects, size * SUPERSAMPLING)]
    pixels = points.reshape(size, SUPERSAMPLING, size, SUPERSAMPLING, 3).mean(axis=(1, 3))
    return np.asarray(np.rint(pixels), dtype=np.uint8)


def draw_map(objects: Sequence[SceneObject], size: int) -> NDArray[np.uint8]:
    """uint8 ``(size, size)``: for each pixel the map class (``MAP_CLASSES``) of what is seen at its centre."""
    labels = np.array([0, *(item.box.label + 1 for item in objects)], dtype=np.uint8)
    return np.asarray(labels[owners(objects, size)])
