"""Boxes as tokens, against the original's."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ldm_pipelines.data.boxes import Box
from ldm_pipelines.data.prepared import ImageSplit
from ldm_pipelines.diffusion.conditioners.layout import LayoutConditioner
from ldm_pipelines.diffusion.conditioners.layout_tokens import LayoutTokens
from ldm_pipelines.errors import InputError

FILE = Path(__file__).parents[2] / "fixtures" / "compvis" / "layout_tokens.json"
CASES = {
    case["name"]: case
    for case in json.loads(FILE.read_text())["cases"]
    if not case["crop"] and not case["horizontal_flip"] and case["name"] not in ("flags", "flags_without_additional")
}
"""Those of whole images as they are, without OpenImages' flags."""


@pytest.mark.parametrize("name", CASES)
def test_tokens_are_the_originals(name: str) -> None:
    case = CASES[name]
    settings = case["settings"]
    layout = LayoutTokens(settings["number_of_classes"], settings["max_objects"], settings["vocabulary"])
    assert layout.encode([Box(item["class"], *item["box"]) for item in case["objects"]]) == case["tokens"]
    assert layout.length == len(case["tokens"])


@pytest.fixture
def layout() -> LayoutTokens:
    return LayoutTokens(10, max_objects=4, vocab_size=1025)


def test_decoding_gives_classes_and_boxes_back(layout: LayoutTokens) -> None:
    boxes = [Box(9, 0.1, 0.2, 0.5, 0.3), Box(0, 0.0, 0.0, 1.0, 1.0)]
    found = layout.decode(layout.encode(boxes))
    assert [category for category, _ in found] == [9, 0]
    assert np.allclose([area for _, area in found], [box[1:] for box in boxes], atol=1 / 31)


def test_a_generator_orders_objects_anew_and_keeps_the_first_ones(layout: LayoutTokens) -> None:
    boxes = [Box(number, 0.1 * number, 0.0, 0.1, 0.1) for number in range(6)]
    rng = np.random.default_rng(0)
    orders = {tuple(category for category, _ in layout.decode(layout.encode(boxes, rng))) for _ in range(200)}
    assert len(orders) == 24
    assert all(sorted(order) == [0, 1, 2, 3] for order in orders)


@pytest.mark.parametrize(
    ("vocab_size", "message"), [(1024, "leaves no token for 'no object'; take 1025"), (10, "need at least 11")]
)
def test_a_vocabulary_that_is_too_small_is_refused(vocab_size: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        LayoutTokens(10, 4, vocab_size)


def test_a_layout_without_classes_is_refused() -> None:
    with pytest.raises(InputError, match="at least one class of boxes"):
        LayoutTokens(0, 4, 1025)


def test_an_unknown_class_is_refused(layout: LayoutTokens) -> None:
    with pytest.raises(InputError, match="a box has class 10, but the model knows only 10 classes"):
        layout.encode([Box(10, 0.0, 0.0, 1.0, 1.0)])


def test_the_reader_writes_the_splits_boxes(build: Any, split: ImageSplit) -> None:
    conditioner = build("mini_layout")
    tokens = conditioner.reader(split).read(np.array([3, 4]), None)["tokens"]
    most, points = conditioner.layout.max_objects, conditioner.layout.sections
    assert tokens.shape == (2, 3 * most + 2)
    for row, index in zip(tokens.tolist(), (3, 4), strict=True):
        found, boxes = conditioner.layout.decode(row), split.boxes(index)[:most]
        assert [label for label, _ in found] == [box.label for box in boxes]
        assert np.allclose([area for _, area in found], [box[1:] for box in boxes], atol=1.01 / (points - 1))
        assert row[-2:] == [0, points**2 - 1]  # the whole image


def test_the_null_is_an_empty_image(build: Any) -> None:
    conditioner = build("mini_layout")
    layout = conditioner.layout
    blank = conditioner.blank({"tokens": torch.zeros(2, layout.length, dtype=torch.int64)})
    assert blank["tokens"].tolist() == [[layout.none] * 3 * layout.max_objects + [0, layout.sections**2 - 1]] * 2


def test_the_papers_layout_transformer_has_its_number_of_parameters() -> None:
    encoder = {"kind": "trained", "layers": 16, "dim": 512, "heads": 8, "head_channels": 64}
    with torch.device("meta"):
        conditioner = LayoutConditioner([str(number) for number in range(350)], 8192, 30, encoder)
    count = sum(parameter.numel() for parameter in conditioner.parameters())
    assert round(count / 1e6, 2) == 58.86
