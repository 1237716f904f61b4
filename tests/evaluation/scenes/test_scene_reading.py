"""What a program reads in images of scenes, against the scenes themselves."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from ldm_pipelines.data.scenes import COLOURS, SHAPES, SceneObject
from ldm_pipelines.evaluation.scenes.obedience import overlap
from ldm_pipelines.evaluation.scenes.reading import SceneReading, read_scene
from ldm_pipelines.evaluation.scenes.shape_fitting import cover
from ldm_pipelines.preparation.scene_rendering import draw_map, render
from ldm_pipelines.preparation.source_specs.scenes import ScenesSource
from ldm_pipelines.preparation.sources.scenes import Scene, draw_scene

DATASETS = Path(__file__).parents[3] / "conf" / "hydra" / "dataset"
PAIRS, LAYOUTS = (
    ScenesSource.model_validate(yaml.safe_load((DATASETS / f"scenes_{name}.yaml").read_text())["source"])
    for name in ("pairs", "layouts")
)
PAIRS_ANYWHERE, LAYOUTS_ANYWHERE = (source.model_copy(update={"grid": None}) for source in (PAIRS, LAYOUTS))
CENTRES = np.arange(32) + 0.5


def scenes(source: ScenesSource, count: int) -> list[Scene]:
    return [draw_scene(source, number) for number in range(count)]


def image(scene: Scene, size: int = 32) -> np.ndarray:
    return render(scene.objects, scene.background, size)


def spoilt(pixels: np.ndarray, blur: float, noise: float, rng: np.random.Generator) -> np.ndarray:
    soft = ndimage.gaussian_filter(pixels.astype(float), (blur, blur, 0))
    return (soft + rng.normal(size=pixels.shape) * noise).round().clip(0, 255).astype(np.uint8)


def names(shapes: Iterable[object]) -> Counter[str]:
    return Counter(shape.name for shape in shapes)  # type: ignore[attr-defined]


def overlaps(scene: Scene, reading: SceneReading) -> list[float]:
    found = {shape.name: shape.box for shape in reading.shapes}
    return [overlap(item.box, found[item.name]) if item.name in found else 0.0 for item in scene.objects]


def painted(seen: np.ndarray, colour: str = "red") -> np.ndarray:
    pixels = np.full((32, 32, 3), 50, dtype=np.uint8)
    pixels[seen] = COLOURS[colour]
    return pixels


@pytest.mark.parametrize(
    ("source", "count", "right", "box"),
    [
        (PAIRS, 50, 1, 0.999),
        (PAIRS_ANYWHERE, 75, 0.98, 0.975),
        (LAYOUTS, 50, 0.98, 0.985),
        (LAYOUTS_ANYWHERE, 50, 0.98, 0.965),
    ],
)
def test_true_images_are_read_right(source: ScenesSource, count: int, right: float, box: float) -> None:
    drawn = scenes(source, count)
    readings = [read_scene(image(scene)) for scene in drawn]
    assert np.mean([names(s.objects) == names(r.shapes) for s, r in zip(drawn, readings, strict=True)]) >= right
    assert np.mean([v for pair in zip(drawn, readings, strict=True) for v in overlaps(*pair)]) >= box
    same = [(r.map == draw_map(s.objects, 32)).mean() for s, r in zip(drawn, readings, strict=True)]
    assert np.mean(same) >= 0.985


@pytest.mark.parametrize(
    ("blur", "noise", "right", "box"),
    [(0.5, 0, 0.99, 0.96), (0, 20, 0.99, 0.96), (0, 30, 0.97, 0.92), (0.8, 15, 0.95, 0.88)],
)
@pytest.mark.parametrize("source", [PAIRS, PAIRS_ANYWHERE])
def test_blurred_and_noisy_images_are_read_too(
    source: ScenesSource, blur: float, noise: float, right: float, box: float
) -> None:
    """Noise of 20 or 30 of 255 levels; blur by a Gaussian of so many pixels, where shapes are 8 to 13 pixels wide."""
    rng, drawn = np.random.default_rng(0), scenes(source, 30)
    readings = [read_scene(spoilt(image(scene), blur, noise, rng)) for scene in drawn]
    assert np.mean([names(s.objects) == names(r.shapes) for s, r in zip(drawn, readings, strict=True)]) >= right
    assert np.mean([v for pair in zip(drawn, readings, strict=True) for v in overlaps(*pair)]) >= box


@pytest.mark.parametrize("size", [24, 64])
@pytest.mark.parametrize("source", [PAIRS, PAIRS_ANYWHERE])
def test_other_image_sizes_are_read_by_the_same_rules(source: ScenesSource, size: int) -> None:
    drawn = scenes(source, 13)
    readings = [read_scene(image(scene, size)) for scene in drawn]
    assert [names(s.objects) for s in drawn] == [names(r.shapes) for r in readings]
    assert np.mean([v for pair in zip(drawn, readings, strict=True) for v in overlaps(*pair)]) > 0.96


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from(SHAPES),
    st.sampled_from([*COLOURS]),
    st.floats(8, 13),
    st.floats(8, 24),
    st.floats(8, 24),
    st.integers(30, 70),
)
def test_a_single_shape_is_found_where_it_lies_to_a_fraction_of_a_pixel(
    shape: str, colour: str, size: float, x: float, y: float, background: int
) -> None:
    item = SceneObject(colour, shape, x / 32, y / 32, size / 32)
    (found,) = read_scene(render([item], background, 32)).shapes
    assert found.name == item.name
    sides = [(b.x * 32, b.y * 32, (b.x + b.width) * 32, (b.y + b.height) * 32) for b in (found.box, item.box)]
    assert np.abs(np.subtract(*sides)).max() < 0.75


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(SHAPES), st.floats(8, 13), st.floats(10, 22), st.floats(10, 22))
def test_covered_parts_of_pixels_are_those_of_the_renderers_definition(
    shape: str, size: float, x: float, y: float
) -> None:
    points = (np.arange(32 * 16) + 0.5) / (32 * 16)
    inside = SceneObject("red", shape, x / 32, y / 32, size / 32).covers(points[None, :], points[:, None])
    expected = inside.reshape(32, 16, 32, 16).mean(axis=(1, 3))
    ours = cover(shape, np.array([[x - size / 2, y - size / 2, x + size / 2, y + size / 2]]), (32, 32))[0]
    assert np.abs(ours - expected).mean() < 0.002
    assert ours.sum() == pytest.approx(expected.sum(), rel=0.02)


def test_the_box_of_a_shape_goes_on_behind_another() -> None:
    behind = SceneObject("green", "circle", 12 / 32, 16 / 32, 12 / 32)
    front = SceneObject("yellow", "square", 19 / 32, 18 / 32, 9 / 32)
    reading = read_scene(render([behind, front], 50, 32))
    found = {shape.name: shape.box for shape in reading.shapes}
    assert overlap(found["green circle"], behind.box) > 0.9
    assert overlap(found["yellow square"], front.box) > 0.9


def test_parts_of_a_shape_on_both_sides_of_what_hides_its_middle_are_one() -> None:
    pixels = painted((np.abs(CENTRES[:, None] - 16) < 6.5) & (np.abs(CENTRES[None, :] - 16) < 6.5))
    pixels[:, 14:17] = COLOURS["blue"]
    found = names(read_scene(pixels).shapes)
    assert found == {"red square": 1, "blue blob": 1}


x, y = np.meshgrid(CENTRES, CENTRES)
BLOBS = {
    "a cross": ((abs(x - 16) < 2) & (abs(y - 16) < 6)) | ((abs(y - 16) < 2) & (abs(x - 16) < 6)),
    "a ring": (np.hypot(x - 16, y - 16) < 6) & (np.hypot(x - 16, y - 16) > 3),
    "two squares in a row": (abs(y - 16) < 4) & (abs(x - 16) < 8),
    "a square grown into a circle": (np.hypot(x - 10, y - 16) < 5) | ((abs(x - 20) < 5) & (abs(y - 16) < 5)),
    "a triangle on its head": (abs(y - 16) < 5) & (abs(x - 16) < (21 - y) / 2),
    "the whole image": np.ones((32, 32), dtype=bool),
}


@pytest.mark.parametrize("what", BLOBS)
def test_what_is_none_of_the_shapes_is_a_blob(what: str) -> None:
    assert names(read_scene(painted(BLOBS[what])).shapes) == {"red blob": 1}


def test_an_empty_image_and_stains_are_background() -> None:
    stained = painted((abs(x - 16) < 1) & (abs(y - 16) < 1))
    for pixels in (painted(np.zeros((32, 32), dtype=bool)), stained):
        reading = read_scene(pixels)
        assert reading.shapes == ()
        assert not reading.map.any()
