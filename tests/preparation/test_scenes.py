"""The words and the geometry of scenes, and that what the source says of a scene is true of its pixels."""

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy import ndimage

from ldm_pipelines.data.scenes import (
    BOX_CLASSES,
    COLOURS,
    MAP_CLASSES,
    RELATIONS,
    SHAPES,
    SceneObject,
    Statement,
    clear_relation,
    describe,
    parse,
    say,
)
from ldm_pipelines.errors import InputError
from ldm_pipelines.preparation.scene_rendering import draw_map, owners, render
from ldm_pipelines.preparation.source_specs.scenes import ScenesSource
from ldm_pipelines.preparation.sources.scenes import Scene, draw_scene, list_images


def source(**changes: Any) -> ScenesSource:
    parameters = {"kind": "scenes", "count": 200, "objects": (2, 2), "overlap": 0.0, "grid": None, "seed": 0}
    return ScenesSource.model_validate(parameters | changes)


def scenes(**changes: Any) -> list[Scene]:
    spec = source(**changes)
    return [draw_scene(spec, number) for number in range(spec.count)]


def colour_of(pixels: np.ndarray, background: int) -> np.ndarray:
    """Index of the nearest of background, red, green, blue, yellow for each pixel."""
    palette = np.array([(background,) * 3, *COLOURS.values()], dtype=float)
    return np.linalg.norm(pixels[..., None, :] - palette, axis=-1).argmin(axis=-1)


names = st.sampled_from(BOX_CLASSES)
pairs = st.builds(lambda a, b, r: Statement((a, b), r), names, names, st.sampled_from(RELATIONS))
lists = st.builds(lambda several: Statement(tuple(several)), st.lists(names, min_size=1, max_size=5))


@given(pairs | lists)
def test_a_caption_says_one_thing_only(statement: Statement) -> None:
    assert parse(say(statement)) == statement


@given(pairs | lists, pairs | lists)
def test_different_statements_have_different_captions(one: Statement, other: Statement) -> None:
    assert (say(one) == say(other)) == (one == other)


def test_captions_read_like_english() -> None:
    objects = [SceneObject("red", "circle", 0.2, 0.5, 0.3), SceneObject("blue", "square", 0.8, 0.6, 0.3),
               SceneObject("green", "triangle", 0.5, 0.2, 0.3)]  # fmt: skip
    assert describe(objects[:1]) == "a red circle"
    assert describe(objects[:2]) == "a red circle left of a blue square"
    assert describe(objects[1::-1]) == "a blue square right of a red circle"
    assert describe(objects) == "a red circle, a blue square and a green triangle"
    with pytest.raises(ValueError, match="no clear relation"):
        describe([objects[0], objects[2]])


@pytest.mark.parametrize(
    "caption",
    ["", "a red circle.", "red circle", "a pink circle", "a red circle left of", "a red circle near a blue square",
     "a red circle, a blue square", "A red circle"],
)  # fmt: skip
def test_what_is_no_caption_is_refused_with_the_grammar(caption: str) -> None:
    with pytest.raises(InputError, match="is no caption of a scene; one is 'a red circle'"):
        parse(caption)


@given(st.floats(-1, 1), st.floats(-1, 1))
def test_relations_turn_with_the_view(dx: float, dy: float) -> None:
    opposite = {"left of": "right of", "right of": "left of", "above": "below", "below": "above", None: None}
    mirrored = {"left of": "above", "right of": "below", "above": "left of", "below": "right of", None: None}
    assert clear_relation(-dx, -dy) == opposite[clear_relation(dx, dy)]
    assert clear_relation(dy, dx) == mirrored[clear_relation(dx, dy)]


@pytest.mark.parametrize(("shape", "area"), [("circle", np.pi / 4), ("square", 1), ("triangle", 1 / 2)])
def test_a_shape_fills_its_box_as_geometry_says(shape: str, area: float) -> None:
    item = SceneObject("red", shape, 0.5, 0.4, 0.6)
    seen = owners([item], 500) == 1
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    assert abs(seen.sum() / (300**2 * area) - 1) < 0.01
    box = np.array([columns[0], rows[0], len(columns), len(rows)]) / 500
    np.testing.assert_allclose(box, item.box[1:], atol=0.005)
    if shape == "triangle":
        assert seen[rows[-1]].sum() > 290 and seen[rows[0]].sum() < 10  # it stands on its base


@pytest.mark.parametrize("grid", [None, 8])
def test_a_scene_is_a_function_of_the_seed_and_its_number(grid: int | None) -> None:
    first = scenes(count=20, grid=grid)
    assert first == scenes(count=40, grid=grid)[:20]
    assert first != scenes(count=20, grid=grid, seed=1)
    assert len({scene.objects for scene in first}) == 20
    assert len({scene.background for scene in scenes(grid=grid)}) > 20


@pytest.mark.parametrize("grid", [None, 8])
def test_relations_shapes_and_colours_are_all_about_as_frequent(grid: int | None) -> None:
    captions = [describe(scene.objects) for scene in scenes(count=400, grid=grid)]
    counts = [sum(f" {word} " in caption for caption in captions) for word in RELATIONS]
    assert min(counts) > 60 and sum(counts) == 400
    seen = [item.name for scene in scenes(count=400, grid=grid) for item in scene.objects]
    assert set(seen) == set(BOX_CLASSES) and min(seen.count(name) for name in BOX_CLASSES) > 35


@pytest.mark.parametrize(
    ("changes", "sides"), [({}, {2, 3}), ({"objects": (2, 4), "overlap": 0.3}, {2, 3}), ({"sizes": (0.3, 0.5)}, {3, 4})]
)
def test_boxes_on_a_grid_fill_whole_cells_of_the_image(changes: dict[str, Any], sides: set[int]) -> None:
    boxes = np.array([item.box[1:] for scene in scenes(grid=8, **changes) for item in scene.objects]) * 8
    assert (boxes == boxes.round()).all()
    assert (boxes[:, 2] == boxes[:, 3]).all()
    assert {*boxes[:, 2]} == sides
    corners = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]])
    assert {*corners.ravel()} == {*range(9)}  # from edge to edge


@pytest.mark.parametrize("grid", [None, 8])
@pytest.mark.parametrize("changes", [{}, {"objects": (2, 4), "overlap": 0.3}, {"objects": (1, 5), "overlap": 0.5}])
def test_scenes_keep_their_promises(changes: dict[str, Any], grid: int | None) -> None:
    spec = source(grid=grid, **changes)
    hidden = []
    for scene in scenes(grid=grid, **changes):
        items = scene.objects
        assert spec.objects[0] <= len(items) <= spec.objects[1]
        assert len({item.name for item in items}) == len(items)
        assert len(items) != 2 or parse(describe(items)).relation in RELATIONS
        seen = owners(items, 200)
        for (a, one), (b, other) in combinations(enumerate(items, start=1), 2):
            touch = (ndimage.binary_dilation(seen == a) & (seen == b)).any()
            assert not (touch and one.colour == other.colour)
        for number, item in enumerate(items, start=1):
            assert item.box.x >= 0 and item.box.x + item.box.width <= 1
            hidden.append(1 - (seen == number).sum() / (owners([item], 200) == 1).sum())
        pieces = [ndimage.label(draw_map(items, 96) == label)[1] for label in np.unique(draw_map(items, 96))[1:]]
        assert len(pieces) == len(items) and (spec.overlap or pieces == [1] * len(items))
    assert max(hidden) <= spec.overlap + 0.02
    assert (max(hidden) > 0.1) == (spec.overlap > 0)


def test_the_relation_of_the_caption_is_seen_in_the_pixels() -> None:
    checked = 0
    for scene in scenes():
        statement = parse(describe(scene.objects))
        colours = [[*COLOURS].index(name.split()[0]) + 1 for name in statement.names]
        if colours[0] == colours[1]:
            continue
        seen = colour_of(render(scene.objects, scene.background, 32), scene.background)
        (y0, x0), (y1, x1) = (ndimage.center_of_mass(seen == colour) for colour in colours)
        distance = {"left of": x1 - x0, "right of": x0 - x1, "above": y1 - y0, "below": y0 - y1}
        assert max(distance, key=distance.__getitem__) == statement.relation
        assert distance[statement.relation or ""] > 4
        checked += 1
    assert checked > 120


@pytest.mark.parametrize("size", [32, 64])
def test_the_map_agrees_with_the_image(size: int) -> None:
    agreeing = []
    for scene in scenes(count=60, objects=(2, 4), overlap=0.3):
        pixels, labels = render(scene.objects, scene.background, size), draw_map(scene.objects, size)
        expected = np.array([0, *([*COLOURS].index(name.split()[0]) + 1 for name in BOX_CLASSES)])[labels]
        agreeing.append((colour_of(pixels, scene.background) == expected).mean())
        inner = ndimage.minimum_filter(labels, 3) == ndimage.maximum_filter(labels, 3)
        palette = np.array([(scene.background,) * 3, *COLOURS.values()])
        exact = (pixels == palette[expected]).all(axis=-1)
        assert exact[inner].mean() > 0.99  # a tip may touch a pixel and miss all centres
    assert min(agreeing) > 0.95 and np.mean(agreeing) > 0.98


def test_boxes_are_the_extents_of_what_is_not_hidden() -> None:
    for scene in scenes():
        labels = draw_map(scene.objects, 32)
        for item in scene.objects:
            assert MAP_CLASSES[item.box.label + 1] == item.name == BOX_CLASSES[item.box.label]
            rows, columns = np.nonzero(labels == item.box.label + 1)
            edges = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]) / 32
            box = np.array([item.box.x, item.box.y, item.box.x + item.box.width, item.box.y + item.box.height])
            tip = 1 if item.shape == "triangle" else 0  # which is thinner than a pixel
            np.testing.assert_array_less(np.abs(edges - box) * 32, [1, 1 + tip, 1, 1])


def test_more_shapes_than_there_are_or_than_fit_are_an_error() -> None:
    with pytest.raises(InputError, match=r"'toys': source\.objects: there are 12 different shapes, so 13"):
        list_images(source(objects=(2, 13)), None, "toys", 32)
    with pytest.raises(InputError, match=r"'toys': source\.objects: 12 shapes with overlap 0 found no place .*scene 0"):
        list_images(source(objects=(12, 12)), None, "toys", 32)


def test_shapes_are_named_once() -> None:
    assert len(BOX_CLASSES) == len(SHAPES) * len(COLOURS) == len(set(BOX_CLASSES))


def test_sizes_that_fill_no_cells_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"no box of \[0.3, 0.35\] of the image fills whole cells of a grid of 8"):
        source(grid=8, sizes=(0.3, 0.35))
