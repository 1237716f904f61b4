"""Our rows: cells from one or several stored results."""

from dataclasses import replace
from typing import Any

from ldm_pipelines.reporting.paper.documents import PaperRow, PaperTable
from ldm_pipelines.reporting.paper.printed import DASH, show_like
from ldm_pipelines.reporting.results import Result, Stored, as_number
from ldm_pipelines.reporting.tables.columns import Measure, measure_of
from ldm_pipelines.reporting.tables.footnotes import Footnotes
from ldm_pipelines.reporting.tables.layout import Cell, Line, Source
from ldm_pipelines.reporting.tables.protocol import differences, provenance
from ldm_pipelines.reporting.tables.spec import Row

Results = dict[tuple[str, str], Stored]


def our_line(
    row: Row, where: str, results: Results, paper: PaperTable, published: PaperRow, study: str, notes: Footnotes
) -> tuple[Line, list[str]]:
    """A row of ours below ``published``, and what is wrong with it; ``where`` is the row's key in ``params.yaml``."""
    stored = [results.get(source, _nowhere(source)) for source in row.sources]
    further = [results.get(source, _nowhere(source)) for source in row.everything[len(row.sources) :]]
    line = Line(
        row.method, (), group=published.group, ours=True, study=study, title=row.label or "",
        result=(row.result or row.throughput or row.preference or ""),
        sources=tuple(_source(found) for found in (*stored, *further)),
        measured_on=tuple(_measured_on(found.result) for found in stored if found.result),
    )  # fmt: skip
    unreadable = [found for found in (*stored, *further) if found.result is None]
    marks = [notes.mark(_not_stored(found)) for found in unreadable]
    if all(found.result is None for found in stored):
        cells = tuple(_missing(unreadable[0].why) for _ in paper.columns)
        return replace(line, cells=cells, marks=tuple(marks)), []
    cells, gaps, problems = (), [], []
    for column in paper.columns:
        measure = (
            Measure((row.columns[column.key],)) if column.key in row.columns else measure_of(paper.table, column.key)
        )
        cell, gap, problem = _cell(measure, stored, further, [r.get(column.key) for r in paper.rows])
        cells = (*cells, cell)
        gaps += [gap] if gap else []
        problems += [f"{where}: column {column.key}: {problem}"] if problem else []
    shown = {key for column in paper.columns for key in (column.key, *measure_of(paper.table, column.key).keys)}
    texts = [
        f"{provenance(found.result, shown)} Stored as {found.path}, recorded as {found.record}."
        for found in (*stored, *further)
        if found.result
    ]
    texts += [differences([s.result for s in stored if s.result], paper, published)]
    texts += ["Not measured: " + "; ".join(dict.fromkeys(gaps)) + "."] if gaps else []
    texts += problems
    marks += [notes.mark(text) for text in texts if text]
    return replace(line, cells=cells, marks=tuple(marks)), problems


def _cell(measure: Measure, stored: list[Stored], further: list[Stored], published: list[Any]) -> tuple[Cell, str, str]:
    """A cell, what to say of a gap, and what is wrong with the study."""
    if not measure.keys:
        return Cell(DASH), "", ""
    found = [(s, *hit) for s in _candidates(measure, stored, further) if (hit := _metric(s, measure))]
    if len(found) > 1:
        places = " and ".join(f"{s.file} (metrics.{key})" for s, key, _ in found)
        return _missing("two results for one cell"), "", f"two results for one cell: {places}; name only one of them"
    found = found or [(s, *hit) for s in stored if (hit := _fact(s, measure))][:1]
    if not found:
        return _gap(measure, stored, further)
    source, key, values = found[0]
    value = as_number(values[key], key)
    if isinstance(value, str):
        return _missing(value.removeprefix(f"{key} is ")), f"{source.file}: {value}", ""
    if value is None:
        unanswered = source.result is not None and source.result.kind == "preference"
        return (_missing("not run") if unanswered else Cell(DASH)), "", ""
    std = as_number(values.get(f"{key}_std"), key)
    std = std if isinstance(std, float) else None
    text, std_text = show_like(value, std, published)
    return Cell(text, std_text, value, std, source=_source(source)), "", ""


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


def _gap(measure: Measure, stored: list[Stored], further: list[Stored]) -> tuple[Cell, str, str]:
    """Nothing there: because a result is missing, or because it lacks the metric."""
    lost = [s for s in (*stored, *further) if s.result is None]
    if lost:
        return _missing(lost[0].why), "", ""
    key = measure.keys[0]
    if measure.splits:
        return _missing("not measured"), f"{key} against {' or '.join(measure.splits)} images", ""
    place = "details.by_masked_part" if measure.masked else "metrics"
    files = " and ".join(s.file for s in stored)
    return _missing("not measured"), f"no {' or '.join(measure.keys)} in {place} of {files}", ""


def _measured_on(result: Result) -> str:
    subject, network = result.subject, result.feature_network
    task = subject.get("conditioning") or {}
    data = [facts.get(key) for facts in (subject, result.reference) for key in ("dataset", "split")]
    return " ".join(map(str, (*data, network.get("name"), task.get("kind"), task.get("degradation"), result.device)))


def _missing(why: str) -> Cell:
    return Cell(f"missing: {why.partition(' (')[0]}", missing=True)


def _source(stored: Stored) -> Source:
    return Source(stored.path, stored.entity, stored.record)


def _nowhere(source: tuple[str, str]) -> Stored:
    return Stored(source[1], None, "no result (it is not among the stored results)")


def _not_stored(stored: Stored) -> str:
    name = stored.path.rpartition("/")[2]
    place = f" ({stored.file})" if "/" in stored.path else ""
    return f"Result {name!r}{place}: {stored.why}. Measure it, then build the table again."
