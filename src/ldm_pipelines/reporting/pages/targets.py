"""Whether samples show what they were asked for, and whether restored images beat what needs no model."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ldm_pipelines.errors import InputError
from ldm_pipelines.reporting.pages.gallery import BASELINES, task
from ldm_pipelines.reporting.pages.page import KeyFigure
from ldm_pipelines.reporting.results import Result, read_result

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
    stored: dict[str, dict[str, Any]] = {}
    for name, evaluation in evaluations.items():
        file = folder / str(evaluation["suite"]) / f"{name}.json"
        if file.exists():
            try:
                stored[name] = json.loads(file.read_bytes())
            except ValueError as error:
                raise InputError(f"{file} is not JSON ({error}); delete it and make it again") from error
    results = [read_result(stored, name) for name in stored]
    return [result for result in results if isinstance(result, Result)]


def target_figures(results: Sequence[Result]) -> Iterator[KeyFigure]:
    """A figure per result and target, with what bounds it: the true images' value, or the best without a model."""
    for result in results:
        for metric, (what, target) in OBEDIENCE.items():
            value = result.metrics.get(metric)
            if value is not None:
                yield _obedience(result, metric, what, value, target)
    baselines = [result for result in results if result.subject.get("kind") in BASELINES]
    for result in results:
        rivals = [rival for rival in baselines if _same_task(rival, result)]
        if result not in baselines and rivals:
            yield from _restoration(result, rivals)


def _obedience(result: Result, metric: str, what: str, value: float, target: float) -> KeyFigure:
    ceiling = result.metrics.get(f"{metric}{OF_TRUTH}")
    truth = f"true images {ceiling:.3f}, " if ceiling is not None else ""
    verdict = "reached" if value >= target else "not reached"
    return KeyFigure(f"{value:.3f}", f"{_about(result)}: {what}; {truth}aimed at {target:g} or more: {verdict}")


def _restoration(result: Result, rivals: Sequence[Result]) -> Iterator[KeyFigure]:
    for metric, what in RESTORATION.items():
        value = result.metrics.get(metric)
        known = {str(r.subject["kind"]): r.metrics[metric] for r in rivals if r.metrics.get(metric) is not None}
        others = {kind: float(other) for kind, other in known.items() if other is not None}
        if value is not None and others:
            compared = ", ".join(f"{BASELINES[kind]} {other:.3g}" for kind, other in others.items())
            verdict = "below" if value < min(others.values()) else "not below"
            yield KeyFigure(f"{value:.3g}", f"{_about(result)}: {what}, lower is better; {compared}: {verdict}")
    changed = result.metrics.get("known_pixels_changed")
    if changed is not None:
        yield KeyFigure(f"{changed:g}", f"{_about(result)}: known pixels changed; must be 0")


def _same_task(rival: Result, result: Result) -> bool:
    """Whether both restored the same conditions, measured in one way."""
    facts = ("dataset", "split", "conditioning")
    same = all(rival.subject.get(fact) == result.subject.get(fact) for fact in facts)
    return same and rival.feature_network == result.feature_network and rival.reference == result.reference


def _about(result: Result) -> str:
    return f"{task(result.subject.get('conditioning') or {})} ({result.name})"
