"""Scenes of coloured shapes, drawn from a seed: a caption, boxes and a semantic map that are exactly true.

Scene i is a function of the source's parameters but for ``count``, and of i. A program can tell from the pixels what is
in it: no two objects are equal, shapes of one colour never touch, and two objects always have a clear relation.
"""

from dataclasses import dataclass
from functools import partial
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ldm_pipelines.data.scenes import BACKGROUND, BOX_CLASSES, MAP_CLASSES, SceneObject, clear_relation, describe
from ldm_pipelines.errors import InputError
from ldm_pipelines.preparation.listing.entries import Candidate, Listing
from ldm_pipelines.preparation.scene_rendering import draw_map, owners, render
from ldm_pipelines.preparation.source_specs.scenes import ScenesSource
from ldm_pipelines.seeding import derive_seed

Floats = NDArray[np.float64]

GAP = 1 / 32
"""Between a shape and the image's edge, and between shapes that are to be apart."""
PROBE = 64
"""Points per axis by which the hidden part of a shape is measured."""
ATTEMPTS = 5000
"""Placements after which so many shapes are taken not to fit."""


@dataclass(frozen=True)
class Scene:
    objects: tuple[SceneObject, ...]
    """From back to front, which is also the order of the caption."""
    background: int
    """Grey level."""


def list_images(source: ScenesSource, raw: Path | None, name: str, image_size: int) -> Listing:
    """``raw`` is not needed. Raises ``InputError`` where so many shapes do not fit."""
    if source.objects[1] > len(BOX_CLASSES):
        raise InputError(
            f"dataset {name!r}: source.objects: there are {len(BOX_CLASSES)} different shapes, "
            f"so {source.objects[1]} in a scene are too many"
        )
    try:
        scenes = [draw_scene(source, number) for number in range(source.count)]
    except InputError as error:
        raise InputError(f"dataset {name!r}: {error}") from error
    entries = [_candidate(scene, number, image_size) for number, scene in enumerate(scenes)]
    return Listing.of(entries, box_classes=BOX_CLASSES, map_classes=MAP_CLASSES)


def _candidate(scene: Scene, number: int, image_size: int) -> Candidate:
    return Candidate(
        origin=f"scene {number}",
        label=None,
        open=partial(_image, scene, image_size),
        caption=describe(scene.objects),
        boxes=[item.box for item in scene.objects],
        draw_map=partial(draw_map, scene.objects),
    )


def _image(scene: Scene, size: int) -> Image.Image:
    return Image.fromarray(render(scene.objects, scene.background, size))


def draw_scene(source: ScenesSource, number: int) -> Scene:
    """Scene ``number``. What is in it is drawn first and then placed until everything holds that is promised."""
    rng = np.random.default_rng(derive_seed(source.seed, "scene", number))
    background = int(rng.integers(*BACKGROUND, endpoint=True))
    count = int(rng.integers(*source.objects, endpoint=True))
    names = [BOX_CLASSES[label].split() for label in rng.permutation(len(BOX_CLASSES))[:count]]
    for _ in range(ATTEMPTS):
        centres, sizes = (
            _anywhere(rng, count, source.sizes)
            if source.grid is None
            else _on_grid(rng, count, source.grid, source.sides_on_grid())
        )
        placed = zip(names, centres.tolist(), sizes.tolist(), strict=True)
        objects = tuple(SceneObject(colour, shape, x, y, size) for (colour, shape), (x, y), size in placed)
        if _keeps_promises(objects, source.overlap):
            return Scene(objects, background)
    raise InputError(
        f"source.objects: {count} shapes with overlap {source.overlap:g} found no place in {ATTEMPTS} attempts (scene "
        f"{number}); ask for fewer shapes or allow more overlap"
    )


def _anywhere(rng: np.random.Generator, count: int, bounds: tuple[float, float]) -> tuple[Floats, Floats]:
    """Centres ``(count, 2)`` and sizes ``(count,)``, a gap away from the edges."""
    sizes = rng.uniform(*bounds, size=count)
    reach = sizes[:, None] / 2 + GAP
    return reach + rng.random((count, 2)) * (1 - 2 * reach), sizes


def _on_grid(rng: np.random.Generator, count: int, cells: int, bounds: tuple[int, int]) -> tuple[Floats, Floats]:
    """Centres ``(count, 2)`` and sizes ``(count,)`` of boxes that fill whole cells."""
    sides = rng.integers(*bounds, size=(count, 1), endpoint=True)
    corners = rng.integers(0, cells - sides, size=(count, 2), endpoint=True)
    return (corners + sides / 2) / cells, sides[:, 0] / cells


def _keeps_promises(objects: tuple[SceneObject, ...], overlap: float) -> bool:
    for a, b in combinations(objects, 2):
        if (overlap == 0 or a.colour == b.colour) and not _apart(a, b):
            return False
    if len(objects) == 2 and clear_relation(objects[0].x - objects[1].x, objects[0].y - objects[1].y) is None:
        return False
    return overlap == 0 or _hidden_part(objects) <= overlap


def _apart(a: SceneObject, b: SceneObject) -> bool:
    """Whether a gap lies between the two boxes."""
    return max(abs(a.x - b.x), abs(a.y - b.y)) >= (a.size + b.size) / 2 + GAP


def _hidden_part(objects: tuple[SceneObject, ...]) -> float:
    """The largest part of an object that others hide."""
    seen = np.bincount(owners(objects, PROBE).ravel(), minlength=len(objects) + 1)[1:]
    whole = np.array([np.count_nonzero(owners([item], PROBE)) for item in objects])
    return float((1 - seen / whole).max())
