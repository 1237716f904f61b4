"""Whether samples show what they were asked for, and whether restored images beat what needs no model."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ldm_pipelines.reporting.pages.gallery import BASELINES, task
from ldm_pipelines.reporting.results import Result, load_result, overlap, read_as

OBEDIENCE = {
    "caption_accuracy": ("captions entirely right", 0.8),
    "box_iou": ("mean IoU with the asked boxes", 0.6),
    "map_accuracy": ("pixels of the asked class", 0.85),
}
"""By metric: what it is, and what the miniature study aims at or above."""
OF_TRUTH = "_of_truth"
RESTORATION = {"psim": "perceptual distance", "fid": "FID"}
"""Metrics in which a model is to beat the images made without one."""


def read_metrics(folder: Path, evaluations: Mapping[str, Mapping[str, Any]]) -> list[Result]:
    """The results ``folder/SUITE/NAME.json`` of a study's evaluations, as far as they are there and well-formed."""
    files = [folder / str(evaluation["suite"]) / f"{name}.json" for name, evaluation in evaluations.items()]
    results = [read_as(load_result(file), Result) for file in files]
    return [result for result in results if isinstance(result, Result)]


@dataclass(frozen=True)
class Aim:
    """A value and what it is to reach: a fixed number, or the best that needs no model."""

    task: str
    model: str
    """The sample set."""
    measure: str
    value: str
    bound: str
    met: bool
    within_error: bool = False
    """The 95 % intervals of the value and of the best that needs no model overlap."""

    @property
    def reached(self) -> str:
        return f"{'yes' if self.met else 'no'}{', within the error' if self.within_error else ''}"


def aims(results: Sequence[Result]) -> Iterator[Aim]:
    """Every sample set's, once, however many references it is measured against."""
    baselines = [result for result in results if result.subject.get("kind") in BASELINES]
    judged = set()
    for result in results:
        images = result.subject.get("name", result.name)
        if result in baselines or images in judged:
            continue
        judged.add(images)
        yield from _obedience(result)
        yield from _restoration(result, [rival for rival in baselines if _same_task(rival, result)])


def _obedience(result: Result) -> Iterator[Aim]:
    for metric, (what, target) in OBEDIENCE.items():
        value = result.metrics.get(metric)
        if value is not None:
            ceiling = result.metrics.get(f"{metric}{OF_TRUTH}")
            truth = f"; true images {ceiling:.3f}" if ceiling is not None else ""
            yield _aim(result, what, f"{value:.3f}", f"{target:g} or more{truth}", value >= target)


def _restoration(result: Result, rivals: Sequence[Result]) -> Iterator[Aim]:
    for metric, what in RESTORATION.items():
        value = result.metrics.get(metric)
        others = [(other, rival) for rival in rivals if (other := rival.metrics.get(metric)) is not None]
        if value is not None and others:
            best, rival = min(others, key=lambda other: other[0])
            bound = f"below {best:.3g} ({BASELINES[str(rival.subject['kind'])]})"
            aim = _aim(result, what, f"{value:.3g}", bound, value < best)
            yield replace(aim, within_error=overlap(result.interval(metric), rival.interval(metric)))
    changed = result.metrics.get("known_pixels_changed")
    if changed is not None:
        yield _aim(result, "known pixels changed", f"{changed:g}", "0", changed == 0)


def _aim(result: Result, measure: str, value: str, bound: str, met: bool) -> Aim:
    return Aim(task(result.subject.get("conditioning") or {}), result.name, measure, value, bound, met)


def _same_task(rival: Result, result: Result) -> bool:
    """Whether both restored the same conditions, measured in one way."""
    facts = ("dataset", "split", "conditioning")
    same = all(rival.subject.get(fact) == result.subject.get(fact) for fact in facts)
    return same and rival.feature_network == result.feature_network and rival.reference == result.reference
