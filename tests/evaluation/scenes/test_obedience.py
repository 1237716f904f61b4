"""Deliberately wrong samples are caught, with the figures that follow from what was done to them."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import jaccard_score
from support.sample_sets import COMPUTE, EVALUATION, measure_set, write_samples

from ldm_pipelines.data.boxes import Box
from ldm_pipelines.data.prepared import PreparedDataset
from ldm_pipelines.data.scenes import BOX_CLASSES, RELATIONS, SceneObject, parse
from ldm_pipelines.errors import InputError
from ldm_pipelines.evaluation.scenes.obedience import overlap, pair_boxes
from ldm_pipelines.preparation.scene_rendering import render

Edit = Callable[[np.ndarray], np.ndarray]


@pytest.fixture
def measure(tmp_path: Path, rotation: Path) -> Callable[..., dict[str, Any]]:
    """``measure(scenes, kind, pixels, ids)``: the metrics of samples with the conditions of the images ``ids``."""

    def measured(scenes: Path, kind: str, pixels: np.ndarray, ids: list[str], **info: Any) -> dict[str, Any]:
        name = PreparedDataset(scenes).name
        given = {"dataset": name, "split": "test", "conditioning": {"kind": kind}}
        folder = write_samples(tmp_path / "samples", pixels, ids, **(given | info))
        evaluation = EVALUATION.model_copy(update={"dataset": name, "split": "train"})
        return measure_set(evaluation, folder, scenes, rotation, compute=COMPUTE)

    return measured


def objects_of(split: Any, index: int) -> list[SceneObject]:
    """The scene of an image from its boxes, back to front."""
    colours = [BOX_CLASSES[box.label].split() for box in split.boxes(index)]
    return [
        SceneObject(colour, shape, box.x + box.width / 2, box.y + box.height / 2, box.width)
        for (colour, shape), box in zip(colours, split.boxes(index), strict=True)
    ]


def drawn(split: Any, change: Callable[[int, list[SceneObject]], list[SceneObject]]) -> np.ndarray:
    """The images of a split with changed objects."""
    return np.stack([render(change(i, objects_of(split, i)), 50, 32) for i in range(len(split))])


def test_true_images_obey_and_so_do_they_as_their_own_ceiling(
    measure: Callable[..., dict[str, Any]], pairs: Path
) -> None:
    split = PreparedDataset(pairs).split("test")
    result = measure(pairs, "text", split.pixels(np.arange(len(split))), split.ids)
    obedience = {name: value for name, value in result["metrics"].items() if "accuracy" in name}
    parts = ("caption", "shape", "colour", "relation")
    assert obedience == {f"{part}_accuracy{end}": 1.0 for part in parts for end in ("", "_of_truth")}
    assert result["provenance"]["protocol"]["obedience"].startswith("shapes read by a program")
    assert result["provenance"]["samples"]["conditioning"] == {"kind": "text"}


def test_swapped_captions_are_caught(measure: Callable[..., dict[str, Any]], pairs: Path) -> None:
    split = PreparedDataset(pairs).split("test")
    order = np.roll(np.arange(len(split)), 1)
    metrics = measure(pairs, "text", split.pixels(order), split.ids)["metrics"]
    asked = [parse(caption) for caption in split.captions]
    shown = [asked[index] for index in order]

    def same(part: Callable[[str], str]) -> float:
        kinds = [[Counter(part(name) for name in s.names) for s in statements] for statements in (asked, shown)]
        return float(np.mean([a == b for a, b in zip(*kinds, strict=True)]))

    assert metrics["colour_accuracy"] == pytest.approx(same(lambda name: name.split()[0]))
    assert metrics["shape_accuracy"] == pytest.approx(same(lambda name: name.split()[1]))
    assert metrics["caption_accuracy"] <= same(str) < 0.1
    assert metrics["relation_accuracy"] < 0.1
    assert metrics["caption_accuracy_of_truth"] == 1


def test_mirrored_images_break_the_relations_across_and_no_other(
    measure: Callable[..., dict[str, Any]], pairs: Path
) -> None:
    split = PreparedDataset(pairs).split("test")
    metrics = measure(pairs, "text", split.pixels(np.arange(len(split)))[:, :, ::-1], split.ids)["metrics"]
    upright = np.mean([parse(caption).relation in ("above", "below") for caption in split.captions])
    assert 0.2 < upright < 0.8
    assert metrics["relation_accuracy"] == metrics["caption_accuracy"] == pytest.approx(upright)
    assert (metrics["shape_accuracy"], metrics["colour_accuracy"]) == (1, 1)


def test_wrong_colours_wrong_shapes_and_missing_shapes_count_against_the_part_they_break(
    measure: Callable[..., dict[str, Any]], pairs: Path
) -> None:
    split = PreparedDataset(pairs).split("test")

    def change(index: int, objects: list[SceneObject]) -> list[SceneObject]:
        first, second = objects
        if index < 10:  # a colour that is nowhere in the scene
            other = next(c for c in ("red", "green", "blue") if c not in (first.colour, second.colour))
            return [replace(first, colour=other), second]
        if index < 30:
            other = next(s for s in ("circle", "square", "triangle") if s not in (first.shape, second.shape))
            return [first, replace(second, shape=other)]
        if index < 35:
            return [first]
        return objects

    metrics = measure(pairs, "text", drawn(split, change), split.ids)["metrics"]
    count = len(split)
    assert metrics["colour_accuracy"] == pytest.approx((count - 15) / count)
    assert metrics["shape_accuracy"] == pytest.approx((count - 25) / count)
    assert metrics["relation_accuracy"] == metrics["caption_accuracy"] == pytest.approx((count - 35) / count)


@pytest.mark.parametrize("relation", RELATIONS)
def test_an_additional_shape_breaks_the_caption_alone_and_a_diagonal_leans_to_its_longer_part(
    measure: Callable[..., dict[str, Any]], pairs: Path, relation: str
) -> None:
    """One image per relation, drawn from its caption; the second shape lies off the axis."""
    split = PreparedDataset(pairs).split("test")
    index = next(i for i, caption in enumerate(split.captions) if parse(caption).relation == relation)
    (colour, shape), (other_colour, other_shape) = (name.split() for name in parse(split.captions[index]).names)
    x, y = {"left of": (-6, -4), "right of": (6, 4), "above": (4, -6), "below": (-4, 6)}[relation]
    scene = [
        SceneObject(colour, shape, (16 + x) / 32, (16 + y) / 32, 8 / 32),
        SceneObject(other_colour, other_shape, (16 - x) / 32, (16 - y) / 32, 8 / 32),
    ]
    third = next(c for c in ("red", "green", "blue") if c not in (colour, other_colour))
    crowd = [*scene, SceneObject(third, "circle", 27 / 32, 5 / 32, 8 / 32)]
    pixels = np.stack([render(scene, 50, 32)] * 3 + [render(crowd, 50, 32)])
    metrics = measure(pairs, "text", pixels, [split.ids[index]] * 4)["metrics"]
    assert metrics["caption_accuracy"] == 0.75
    assert metrics["relation_accuracy"] == 1


def test_boxes_of_true_images_are_found(measure: Callable[..., dict[str, Any]], layouts: Path) -> None:
    split = PreparedDataset(layouts).split("test")
    metrics = measure(layouts, "layout", split.pixels(np.arange(len(split))), split.ids)["metrics"]
    assert metrics["box_iou"] == metrics["box_iou_of_truth"] > 0.95
    assert metrics["box_class_recall"] == metrics["box_class_precision"] == 1


@pytest.mark.parametrize("distance", [1, 3])
def test_moved_boxes_lose_the_overlap_that_geometry_says(
    measure: Callable[..., dict[str, Any]], pairs: Path, distance: int
) -> None:
    split = PreparedDataset(pairs).split("test")

    def right(index: int, objects: list[SceneObject]) -> list[SceneObject]:
        return [replace(item, x=item.x + distance / 32) for item in objects]

    inside = [i for i in range(len(split)) if all(b.x + b.width <= 1 - distance / 32 for b in split.boxes(i))]
    pixels = drawn(split, right)[inside]
    metrics = measure(pairs, "layout", pixels, [split.ids[i] for i in inside])["metrics"]
    sides = [box.width * 32 for i in inside for box in split.boxes(i)]
    expected = np.mean([(side - distance) / (side + distance) for side in sides])
    assert metrics["box_iou"] == pytest.approx(expected, abs=0.02)
    assert metrics["box_class_recall"] == 1


def test_missing_shapes_are_counted(measure: Callable[..., dict[str, Any]], pairs: Path) -> None:
    split = PreparedDataset(pairs).split("test")
    count = len(split)
    gone = drawn(split, lambda index, objects: objects[:1] if index % 4 == 0 else objects)
    metrics = measure(pairs, "layout", gone, split.ids)["metrics"]
    missing = len(range(0, count, 4))
    assert metrics["box_class_recall"] == pytest.approx(1 - missing / (2 * count))
    assert metrics["box_iou"] == pytest.approx(metrics["found_box_iou"] * metrics["box_class_recall"])
    assert metrics["box_class_precision"] == 1
    assert metrics["found_box_iou"] > 0.95


def test_maps_are_compared_pixel_by_pixel_and_class_by_class(
    measure: Callable[..., dict[str, Any]], layouts: Path
) -> None:
    """Where nothing is drawn, the right pixels are the background's, and no class but it overlaps."""
    split = PreparedDataset(layouts).split("test")
    count = len(split)
    asked = split.maps(np.arange(count))
    empty = np.full((count, 32, 32, 3), 50, dtype=np.uint8)
    metrics = measure(layouts, "semantic", empty, split.ids)["metrics"]
    assert metrics["map_accuracy"] == pytest.approx((asked == 0).mean())
    expected = jaccard_score(asked.ravel(), np.zeros(asked.size), average="macro", zero_division=0)
    assert metrics["map_miou"] == pytest.approx(expected)
    assert metrics["map_accuracy_of_truth"] > 0.985
    assert metrics["map_miou_of_truth"] > 0.9


def test_a_wrong_shape_in_a_map_is_wrong_where_it_is(measure: Callable[..., dict[str, Any]], pairs: Path) -> None:
    split = PreparedDataset(pairs).split("test")
    cycle = {"circle": "square", "square": "triangle", "triangle": "circle"}
    wrong = drawn(split, lambda index, objects: [replace(item, shape=cycle[item.shape]) for item in objects])
    metrics = measure(pairs, "semantic", wrong, split.ids)["metrics"]
    asked = split.maps(np.arange(len(split)))
    assert metrics["map_accuracy"] < (asked == 0).mean()
    assert metrics["map_miou"] < 0.15  # the background's share of 13 classes, and a little noise
    assert metrics["map_accuracy_of_truth"] > 0.985


def test_boxes_are_paired_once_within_their_class_from_the_largest_overlap_on() -> None:
    asked = [Box(0, 0.0, 0.0, 0.4, 0.4), Box(0, 0.1, 0.0, 0.4, 0.4), Box(1, 0.5, 0.5, 0.2, 0.2)]
    found = [Box(0, 0.1, 0.0, 0.4, 0.4), Box(2, 0.5, 0.5, 0.2, 0.2), Box(0, 0.8, 0.8, 0.1, 0.1)]
    assert pair_boxes(asked, found) == pytest.approx([1.0, 0.0])
    assert pair_boxes(asked, []) == pair_boxes([], found) == []
    assert overlap(asked[0], asked[1]) == pytest.approx(0.3 / 0.5)
    assert overlap(asked[0], found[2]) == 0


@pytest.mark.parametrize("batch_size", [1, 64])
def test_obedience_does_not_depend_on_the_batch_size(
    tmp_path: Path, layouts: Path, rotation: Path, batch_size: int
) -> None:
    split = PreparedDataset(layouts).split("test")
    info = {"dataset": "layouts", "split": "test", "conditioning": {"kind": "layout"}}
    folder = write_samples(tmp_path / "s", split.pixels(np.arange(10))[::-1], split.ids[:10], **info)
    evaluation = EVALUATION.model_copy(update={"dataset": "layouts"})
    results = [
        measure_set(evaluation, folder, layouts, rotation, compute=compute)["metrics"]
        for compute in (COMPUTE, COMPUTE.model_copy(update={"inference_batch_size": batch_size}))
    ]
    names = [name for name in results[0] if "box" in name]
    assert [results[0][name] for name in names] == [results[1][name] for name in names]


def test_conditions_of_another_dataset_are_said_to_be_left_out(
    measure: Callable[..., dict[str, Any]], pairs: Path
) -> None:
    split = PreparedDataset(pairs).split("test")
    pixels = split.pixels(np.arange(len(split)))
    result = measure(pairs, "text", pixels, split.ids, dataset="layouts")
    assert {"fid", "precision"} <= set(result["metrics"])
    assert not [name for name in result["metrics"] if name.endswith(("_accuracy", "_of_truth"))]
    assert result["provenance"]["protocol"]["obedience"] == (
        "not measured: the conditions are of 'layouts', not of 'pairs'"
    )


def test_only_scenes_can_be_read(tmp_path: Path, dataset: Path, rotation: Path) -> None:
    split = PreparedDataset(dataset).split("test")
    info = {"dataset": "digits", "split": "test", "conditioning": {"kind": "text"}}
    folder = write_samples(tmp_path / "s", split.pixels(np.arange(10)), split.ids[:10], **info)
    result = measure_set(EVALUATION, folder, dataset, rotation, compute=COMPUTE)
    assert "caption_accuracy" not in result["metrics"]
    assert "scenes only, not 'digits'" in result["provenance"]["protocol"]["obedience"]


@pytest.mark.parametrize(
    ("info", "ids", "message"),
    [
        ({}, {3: "nobody"}, "1 of 10 conditions are of no image of 'pairs', split 'test'; first: 'nobody' of sample 3"),
        ({"split": "train"}, {}, "10 of 10 conditions are of no image"),
        ({"split": None}, {}, "does not name the split"),
        ({"dataset_digest": "ab" * 32}, {}, "another version of 'pairs'"),
        ({"split": "tset"}, {}, "did you mean 'test'"),
    ],
)
def test_conditions_that_cannot_be_traced_are_an_error(
    measure: Callable[..., dict[str, Any]], pairs: Path, info: dict[str, Any], ids: dict[int, str], message: str
) -> None:
    split = PreparedDataset(pairs).split("test")
    named = [ids.get(number, name) for number, name in enumerate(split.ids[:10])]
    with pytest.raises(InputError, match=message):
        measure(pairs, "text", split.pixels(np.arange(10)), named, **info)
