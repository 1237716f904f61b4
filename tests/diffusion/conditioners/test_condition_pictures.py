"""Conditions drawn for people."""

import numpy as np
import pytest

from ldm_pipelines.diffusion.conditioners.pictures import class_colours, draw_boxes, draw_caption, draw_map


def ink(pixels: np.ndarray) -> np.ndarray:
    return (pixels < 200).any(axis=-1)


@pytest.mark.parametrize("size", [(32, 32), (128, 128), (64, 200)])
@pytest.mark.parametrize(
    "text", ["red", "a red circle left of a blue square", "word " * 40, "Donaudampfschiff" * 3, ""]
)
def test_captions_are_drawn_inside_their_tile(text: str, size: tuple[int, int]) -> None:
    drawn = ink(draw_caption(text, size))
    assert drawn.any() == bool(text)


def test_a_caption_uses_the_room_it_has() -> None:
    drawn = ink(draw_caption("a red circle left of a blue square", (128, 128)))
    rows, columns = drawn.any(axis=1), drawn.any(axis=0)
    assert rows.sum() > 40
    assert columns.sum() > 80
    assert not drawn[[0, -1]].any()
    assert not drawn[:, [0, -1]].any()


def test_no_line_of_a_caption_is_cut_off() -> None:
    drawn = ink(draw_caption("a green circle right of a green square", (96, 96)))
    rows = np.flatnonzero(drawn.any(axis=1))
    assert abs(rows[0] - (95 - rows[-1])) <= 1  # centred, so nothing is missing above or below


def test_the_name_of_a_small_box_is_beside_it_and_off_the_others() -> None:
    names = ["red triangle", "blue square"]
    small, other = (0, (0.1, 0.4, 0.1, 0.1)), (1, (0.6, 0.4, 0.1, 0.1))
    alone, both = (draw_boxes(boxes, names, (96, 96)) for boxes in ([small], [small, other]))
    words = (alone < 80).all(axis=-1)
    rows, columns = np.nonzero(words)
    assert columns.min() > round(0.2 * 95)
    assert rows.min() >= round(0.4 * 95) - 1
    right = draw_boxes([other], names, (96, 96))
    assert (both[:, 57:70] == right[:, 57:70])[33:52].all()  # nothing is written over the other box


def test_class_colours_follow_the_words_in_their_names() -> None:
    red, also_red, background, sky, blue_bird = class_colours(
        ["red circle", "big_red", "background", "sky", "blue-bird"]
    )
    assert tuple(red) == tuple(also_red)
    assert red.argmax() == 0
    assert blue_bird.argmax() == 2
    assert background.max() < 70
    assert tuple(sky) not in {tuple(red), tuple(blue_bird), tuple(background)}


def test_boxes_are_outlined_where_they_are() -> None:
    drawn = draw_boxes([(1, (0.25, 0.5, 0.5, 0.25))], ["blue square", "red circle"], (64, 64))
    rows, columns = np.nonzero((drawn == class_colours(["red circle"])[0]).all(axis=-1))
    assert (rows.min(), rows.max()) == (round(0.5 * 63), round(0.75 * 63))
    assert (columns.min(), columns.max()) == (round(0.25 * 63), round(0.75 * 63))


def test_a_box_without_a_known_class_is_drawn_all_the_same() -> None:
    assert ink(draw_boxes([(7, (0.0, 0.0, 1.0, 1.0))], ["cat"], (64, 64))).any()


def test_maps_are_enlarged_without_new_colours() -> None:
    names = ["background", "red circle", "sky"]
    drawn = draw_map(np.array([[0, 1], [2, 0]]), names, (4, 6))
    assert np.array_equal(drawn[::2, ::3], class_colours(names)[[[0, 1], [2, 0]]])
    assert len(np.unique(drawn.reshape(-1, 3), axis=0)) == 3
