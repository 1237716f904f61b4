"""Cells of ours: a number from one of a row's stored results, and what is to be said of it."""

import math
from dataclasses import dataclass, replace
from typing import Any

from ldm_pipelines.reporting.paper.documents import PaperRow, PaperTable
from ldm_pipelines.reporting.paper.printed import DASH, show_like
from ldm_pipelines.reporting.results import Interval, Stored, as_number
from ldm_pipelines.reporting.tables.columns import Measure, measure_of
from ldm_pipelines.reporting.tables.layout import Cell, Source
from ldm_pipelines.reporting.tables.protocol import MEASURED, differences, epochs
from ldm_pipelines.reporting.tables.spec import Row

ERRORS = 1.96
"""Standard errors within 95 %."""


@dataclass(frozen=True)
class Filled:
    """``metric`` is empty where there is no number."""

    cell: Cell
    metric: str = ""
    differs: tuple[str, ...] = ()
    """What is not as in the paper."""
    gap: str = ""
    """What is not there, with file and key."""
    problem: str = ""
    """What is wrong with the study."""

    @property
    def measured(self) -> bool:
        """Whether it is a number that a protocol belongs to, and not the size or a setting of a model."""
        return self.metric in MEASURED or bool(self.differs)


def fill(
    column: str, row: Row, stored: list[Stored], further: list[Stored], paper: PaperTable, published: PaperRow
) -> Filled:
    """A column of a row of ours, held against the conditions of the paper's number."""
    usual, named = measure_of(paper.table, column), row.columns.get(column)
    measure = Measure((named,)) if named else usual
    if not measure.keys or (usual.named and not named):
        return Filled(Cell(DASH))
    found = [(s, *hit) for s in _candidates(measure, stored, further) if (hit := _metric(s, measure))]
    if len(found) > 1:
        places = " and ".join(f"{s.file} (metrics.{key})" for s, key, _ in found)
        problem = f"column {column}: two results for one cell: {places}; name only one of them"
        return Filled(missing("two results for one cell"), problem=problem)
    found = found or [(s, *hit) for s in stored if (hit := _fact(s, measure))][:1]
    if not found:
        return _gap(measure, stored, further)
    source, key, values = found[0]
    cell, gap = _shown(source, key, values, [r.get(column) for r in paper.rows])
    if cell.value is None or source.result is None:
        return Filled(cell, gap=gap)
    beside = [s.result for s in (*stored, *further) if s.result and s is not source]
    conditions = paper.protocol.of(published.group, column)
    differs = differences(source.result, key, conditions, published, beside)
    trained = epochs(source.result, beside) if conditions.epochs else None
    another = [f"{key} ({usual.keys[0]})"] if usual.keys and key not in usual.keys else []
    return Filled(replace(cell, epochs=trained), key, (*another, *differs))


def missing(why: str) -> Cell:
    return Cell(f"missing: {why.partition(' (')[0]}", missing=True)


def source_of(stored: Stored) -> Source:
    return Source(stored.path, stored.entity, stored.record)


def _shown(source: Stored, key: str, values: dict[str, Any], published: list[Any]) -> tuple[Cell, str]:
    """A stored value as the paper prints such values, and what to say where it is no number."""
    value = as_number(values[key], key)
    if isinstance(value, str):
        return missing(value.removeprefix(f"{key} is ")), f"{source.file}: {value}"
    if value is None:
        unanswered = source.result is not None and source.result.kind == "preference"
        return (missing("not run") if unanswered else Cell(DASH)), ""
    std = as_number(values.get(f"{key}_std"), key)
    std = std if isinstance(std, float) else None
    text, std_text = show_like(value, std, published)
    interval = _interval(source, key, values, value, std)
    return Cell(text, std_text, value, std, interval, source=source_of(source)), ""


def _interval(source: Stored, key: str, values: dict[str, Any], value: float, std: float | None) -> Interval | None:
    """As stored; of a part of the images, which has none, from their deviation and number; else what stands after ±."""
    images = values.get("images")
    stored = source.result.interval(key) if source.result and images is None else None
    if stored or std is None:
        return stored
    error = std if images is None else ERRORS * std / math.sqrt(images)
    return value - error, value + error


def _candidates(measure: Measure, stored: list[Stored], further: list[Stored]) -> list[Stored]:
    """The row's results that may fill a column: those of its split, or all but the further ones."""
    if not measure.splits:
        return stored
    return [s for s in (*stored, *further) if s.result and s.result.reference.get("split") in measure.splits]


def _metric(stored: Stored, measure: Measure) -> tuple[str, dict[str, Any]] | None:
    """The metric's key and the values among which it stands."""
    if stored.result is None:
        return None
    values = stored.result.masked(measure.masked) if measure.masked else stored.result.metrics
    return next(((key, values) for key in measure.keys if key in values), None)


def _fact(stored: Stored, measure: Measure) -> tuple[str, dict[str, Any]] | None:
    """The same among the facts of what was measured (f, c, n_params)."""
    facts = stored.result.subject if stored.result and not (measure.splits or measure.masked) else {}
    return next(((key, facts) for key in measure.keys if key in facts), None)


def _gap(measure: Measure, stored: list[Stored], further: list[Stored]) -> Filled:
    """Nothing there: because a result is missing, or because it lacks the metric."""
    lost = [s for s in (*stored, *further) if s.result is None]
    if lost:
        return Filled(missing(lost[0].why))
    key = measure.keys[0]
    if measure.splits:
        return Filled(missing("not measured"), gap=f'"{key}" against {" or ".join(measure.splits)} images')
    place = "details.by_masked_part" if measure.masked else "metrics"
    files = " and ".join(s.file for s in stored)
    keys = " or ".join(f'"{key}"' for key in measure.keys)
    return Filled(missing("not measured"), gap=f"no {keys} in {place} of {files}")
