from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy import ndimage

from ldm_pipelines.data.masks import draw_mask
from ldm_pipelines.data.randomness import image_generator
from ldm_pipelines.data.spec import Masks
from ldm_pipelines.errors import InputError


def masks(**changes: Any) -> Masks:
    """LaMa's training masks at 256 pixels (``abl-04-256-mh-dist``), as fractions."""
    parameters: dict[str, Any] = {
        "irregular_probability": 0.5,
        "strokes": (1, 5),
        "stroke_length": (10 / 256, 209 / 256),
        "stroke_width": (5 / 256, 104 / 256),
        "boxes": (1, 4),
        "box_side": (30 / 256, 150 / 256),
        "box_margin": 10 / 256,
        "largest_area": 0.5,
    }
    return Masks.model_validate(parameters | changes)


def generator(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


fractions = st.tuples(st.floats(0.001, 1), st.floats(0.001, 1)).map(sorted)
counts = st.tuples(st.integers(1, 5), st.integers(1, 5)).map(sorted)


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 2**32), size=st.integers(1, 64), irregular=st.floats(0, 1), strokes=counts, boxes=counts,
    length=fractions, width=fractions, side=fractions, margin=st.floats(0, 0.6),
)  # fmt: skip
def test_a_mask_always_hides_something_and_never_more_than_allowed(
    seed: int, size: int, irregular: float, strokes: Any, boxes: Any, length: Any, width: Any, side: Any, margin: float
) -> None:
    spec = masks(
        irregular_probability=irregular, strokes=strokes, boxes=boxes, stroke_length=length, stroke_width=width,
        box_side=side, box_margin=margin, largest_area=0.5,
    )  # fmt: skip
    try:
        mask = draw_mask(size, spec, generator(seed))
    except InputError:
        assert size < 2 or width[1] > 0.3 or side[1] > 0.3  # nothing small can be drawn
        return
    assert mask.shape == (size, size) and mask.dtype == np.bool_
    assert 0 < mask.mean() <= 0.5


def test_the_mask_of_an_image_is_a_function_of_its_id() -> None:
    first, again, other = (draw_mask(32, masks(), image_generator("mask", name)) for name in ("a", "a", "b"))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert image_generator("mask", "a").random() != image_generator("low_res", "a").random()


def test_boxes_keep_the_margin_and_their_sides() -> None:
    spec = masks(irregular_probability=0, boxes=(1, 1))
    for seed in range(100):
        mask = draw_mask(256, spec, generator(seed))
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        assert min(rows[0], columns[0]) >= 10 and max(rows[-1], columns[-1]) < 246
        assert 30 <= len(rows) <= 150 and 30 <= len(columns) <= 150
        assert mask.sum() == len(rows) * len(columns)


def test_a_stroke_is_one_piece_with_round_ends_as_thick_as_asked() -> None:
    inside = 0
    for seed in range(60):
        mask = draw_mask(
            256, masks(irregular_probability=1, strokes=(1, 1), stroke_length=(0.2, 0.2), stroke_width=(0.1, 0.1)),
            generator(seed),
        )  # fmt: skip
        assert ndimage.label(mask)[1] == 1
        if mask[[0, -1]].any() or mask[:, [0, -1]].any():
            continue
        inside += 1
        capsule = 51.2 * 25.6 + np.pi * 12.8**2
        assert abs(mask.sum() / capsule - 1) < 0.02
        assert abs(ndimage.distance_transform_edt(mask).max() - 12.8) < 1
    assert inside > 10


def test_the_next_stroke_of_a_chain_begins_where_the_last_one_ended() -> None:
    for seed in range(60):
        mask = draw_mask(64, masks(irregular_probability=1, strokes=(1, 5), largest_area=1), generator(seed))
        assert ndimage.label(mask, structure=np.ones((3, 3)))[1] <= 5


def test_about_half_of_the_masks_are_boxes_where_that_is_asked_for() -> None:
    spec = masks(boxes=(1, 1), box_side=(0.25, 0.25), strokes=(1, 1), stroke_length=(0.5, 0.5))
    sixteenths = [draw_mask(64, spec, generator(seed)).sum() == 256 for seed in range(400)]
    assert 150 < sum(sixteenths) < 250


def test_a_largest_area_out_of_reach_is_an_error_that_names_the_keys() -> None:
    with pytest.raises(InputError, match=r"masks\.largest_area 0\.01: 1000 masks of 32 x 32 pixels were all larger"):
        draw_mask(32, masks(irregular_probability=0, largest_area=0.01), generator(0))


def test_ranges_must_rise() -> None:
    with pytest.raises(ValidationError, match="stroke_width: the smaller bound comes first"):
        masks(stroke_width=(0.4, 0.1))
