"""Whether images of scenes show what they were asked to: captions, boxes, semantic maps, read by a program."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from ldm_pipelines.data.boxes import Box
from ldm_pipelines.data.scenes import BOX_CLASSES, MAP_CLASSES, Statement, parse
from ldm_pipelines.errors import InputError
from ldm_pipelines.evaluation.measured import Measured
from ldm_pipelines.evaluation.pairs.truth import Truth
from ldm_pipelines.evaluation.scenes.reading import FoundShape, SceneReading, read_scene

OF_TRUTH = "_of_truth"
"""Ends the name of a metric that is measured on the true images: what a perfect sample would reach."""


class Obedience(Protocol):
    """Compares readings with what was asked for."""

    def add(self, reading: SceneReading, index: int) -> None:
        """Take in the reading of an image that has the condition of the split's image ``index``."""
        ...

    def summary(self) -> dict[str, float]:
        """Metrics by name, each in [0, 1], 1 is best."""
        ...


class CaptionObedience:
    """Shares of images that are right; no part of a caption may be missing, and nothing may be added."""

    def __init__(self, truth: Truth) -> None:
        if truth.split.captions is None:
            raise InputError(f"dataset {truth.dataset.name!r} has no captions that samples could be compared with")
        self._captions = truth.split.captions
        self._right: dict[str, list[bool]] = {name: [] for name in ("caption", "shape", "colour", "relation")}

    def add(self, reading: SceneReading, index: int) -> None:
        asked = parse(self._captions[index])
        found = [shape.name for shape in reading.shapes]
        relation = _relation_holds(asked, reading.shapes)
        self._right["caption"].append(Counter(found) == Counter(asked.names) and relation is not False)
        for place, part in enumerate(("colour", "shape")):
            self._right[part].append(Counter(_words(found, place)) == Counter(_words(asked.names, place)))
        if relation is not None:
            self._right["relation"].append(relation)

    def summary(self) -> dict[str, float]:
        return {f"{name}_accuracy": float(np.mean(right)) for name, right in self._right.items() if right}


class BoxObedience:
    """Asked boxes and the found shapes of their class, paired within an image from the largest overlap on."""

    def __init__(self, truth: Truth) -> None:
        self._split = truth.split
        self._overlaps: list[float] = []
        self._asked = self._found = 0

    def add(self, reading: SceneReading, index: int) -> None:
        asked = self._split.boxes(index)
        found = [shape.box for shape in reading.shapes if shape.clear]
        self._overlaps += pair_boxes(asked, found)
        self._asked += len(asked)
        self._found += len(reading.shapes)

    def summary(self) -> dict[str, float]:
        """``box_iou`` counts a missing shape as 0, ``found_box_iou`` leaves it out; recall and precision count pairs of
        one class, wherever they lie."""
        pairs = len(self._overlaps)
        return {
            "box_iou": float(np.sum(self._overlaps)) / max(self._asked, 1),
            "found_box_iou": float(np.sum(self._overlaps)) / max(pairs, 1),
            "box_class_recall": pairs / max(self._asked, 1),
            "box_class_precision": pairs / max(self._found, 1),
        }


class MapObedience:
    """Pixels that show the asked class; and intersection over union per class, averaged over the classes that occur."""

    def __init__(self, truth: Truth) -> None:
        from torchmetrics import MetricCollection  # a second to import, and only maps need it
        from torchmetrics.classification import MulticlassAccuracy, MulticlassJaccardIndex

        self._split = truth.split
        self._metrics = MetricCollection({
            "map_accuracy": MulticlassAccuracy(len(MAP_CLASSES), average="micro"),
            "map_miou": MulticlassJaccardIndex(len(MAP_CLASSES)),
        })  # fmt: skip

    def add(self, reading: SceneReading, index: int) -> None:
        asked = self._split.maps(np.array([index]))[0]
        self._metrics.update(*(torch.from_numpy(map.astype(np.int64)) for map in (reading.map, asked)))

    def summary(self) -> dict[str, float]:
        return {name: float(value) for name, value in self._metrics.compute().items()}


KINDS: dict[str, Callable[[Truth], Obedience]] = {
    "text": CaptionObedience,
    "layout": BoxObedience,
    "semantic": MapObedience,
}
"""By kind of condition."""


def readable(truth: Truth) -> bool:
    """Whether the dataset is of scenes, the only images that the program can read."""
    return truth.dataset.box_classes == [*BOX_CLASSES] and truth.dataset.map_classes == [*MAP_CLASSES]


class ReadImages:
    """Metrics of samples of scenes, and with the suffix ``_of_truth`` those of the true images of the same conditions.

    An ``Onlooker`` of the samples.
    """

    def __init__(self, truth: Truth, kind: str) -> None:
        """``kind`` is one of ``KINDS``. Raises ``InputError`` where the dataset lacks conditions."""
        self._truth = truth
        self._of_samples, self._of_truth = KINDS[kind](truth), KINDS[kind](truth)
        self._known: dict[int, SceneReading] = {}

    def add(self, indices: NDArray[np.int64], pixels: NDArray[np.uint8]) -> None:
        for made, index in zip(pixels, self._truth.indices[indices].tolist(), strict=True):
            if index not in self._known:
                self._known[index] = read_scene(self._truth.split.pixels(np.array([index]))[0])
            self._of_samples.add(read_scene(made), index)
            self._of_truth.add(self._known[index], index)

    def measured(self) -> Measured:
        of_truth = {f"{name}{OF_TRUTH}": value for name, value in self._of_truth.summary().items()}
        protocol = {"obedience": f"shapes read by a program; {OF_TRUTH}: on the true images themselves"}
        return Measured(self._of_samples.summary() | of_truth, protocol)


def pair_boxes(asked: Sequence[Box], found: Sequence[Box]) -> list[float]:
    """Intersection over union of the pairs: of one class, each box in one pair at most, the largest overlaps first."""
    overlaps = sorted(
        ((overlap(a, f), i, j) for i, a in enumerate(asked) for j, f in enumerate(found) if a.label == f.label),
        key=lambda pair: -pair[0],
    )
    pairs: list[float] = []
    left_asked, left_found = set(range(len(asked))), set(range(len(found)))
    for value, i, j in overlaps:
        if i in left_asked and j in left_found:
            pairs.append(value)
            left_asked.remove(i)
            left_found.remove(j)
    return pairs


def overlap(a: Box, b: Box) -> float:
    """Intersection over union."""
    width = min(a.x + a.width, b.x + b.width) - max(a.x, b.x)
    height = min(a.y + a.height, b.y + b.height) - max(a.y, b.y)
    common = max(width, 0.0) * max(height, 0.0)
    return common / (a.width * a.height + b.width * b.height - common)


def _relation_holds(asked: Statement, shapes: Sequence[FoundShape]) -> bool | None:
    """Whether the first asked shape lies as said to the second: farther along the relation's axis than across it.

    None where the caption says no relation; false where one of the two is not there.
    """
    if asked.relation is None:
        return None
    centres = {shape.name: shape.centre for shape in reversed(shapes)}  # of equal shapes the largest
    if any(name not in centres for name in asked.names):
        return False
    (x, y), (other_x, other_y) = (centres[name] for name in asked.names)
    along, across = x - other_x, y - other_y
    if asked.relation in ("above", "below"):
        along, across = across, along
    forward = asked.relation in ("right of", "below")
    return (along if forward else -along) > abs(across)


def _words(names: Sequence[str], place: int) -> list[str]:
    return [name.split()[place] for name in names]
