"""Our rows: cells from one or several stored results, lettered where they are not measured as the paper's."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from ldm_pipelines.reporting.paper.documents import PaperRow, PaperTable
from ldm_pipelines.reporting.results import Result, Stored
from ldm_pipelines.reporting.tables.cells import Filled, fill, missing, source_of
from ldm_pipelines.reporting.tables.columns import measure_of
from ldm_pipelines.reporting.tables.footnotes import Footnotes
from ldm_pipelines.reporting.tables.layout import Cell, Line
from ldm_pipelines.reporting.tables.provenance import against, provenance
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
        sources=tuple(source_of(found) for found in (*stored, *further)),
        measured_on=tuple(_measured_on(found.result) for found in stored if found.result), compared=row.compare,
    )  # fmt: skip
    unreadable = [found for found in (*stored, *further) if found.result is None]
    marks = [notes.source(_not_stored(found)) for found in unreadable]
    if all(found.result is None for found in stored):
        cells = tuple(missing(unreadable[0].why) for _ in paper.columns)
        return replace(line, cells=cells, marks=tuple(marks)), []
    filled = [fill(column.key, row, stored, further, paper, published) for column in paper.columns]
    problems = [f"{where}: {found.problem}" for found in filled if found.problem]
    shown = {key for column in paper.columns for key in (column.key, *measure_of(paper.table, column.key).keys)}
    gaps = list(dict.fromkeys(found.gap for found in filled if found.gap))
    rests_on = notes.source(_rests_on([*stored, *further], shown, gaps))
    marks = [rests_on, *marks, *map(notes.source, problems)]
    return replace(line, cells=_lettered(filled, notes), marks=tuple(marks)), problems


def _rests_on(stored: Sequence[Stored], shown: set[str], gaps: Sequence[str]) -> str:
    """What every result of a row is of, and what they lack, with file and key.

    Of a result of the same images as another one only what they were compared with.
    """
    texts, subjects = [], []
    for found in stored:
        if found.result is None:
            continue
        known = found.result.subject and found.result.subject in subjects
        text = against(found.result) if known else provenance(found.result, shown)
        texts.append(f"{text} Stored as {found.path}, recorded as {found.record}.")
        subjects.append(found.result.subject)
    texts += [f"Not measured: {'; '.join(gaps)}."] if gaps else []
    return " ".join(texts)


def _lettered(filled: Sequence[Filled], notes: Footnotes) -> tuple[Cell, ...]:
    """The cells of a row with the letters of their notes: one for all that concerns the same cells."""
    letters: dict[int, list[str]] = defaultdict(list)
    for positions, texts in _together(filled).items():
        letter = notes.mark(f"{'; '.join(texts)}.")
        for position in positions:
            letters[position].append(letter)
    # a model's size competes where the row's measured numbers do
    alike = any(found.measured for found in filled) and not any(found.differs for found in filled)
    return tuple(
        replace(
            found.cell,
            marks=tuple(sorted(letters[position], key=lambda letter: (len(letter), letter))),
            protocol="; ".join(found.differs),
            differs=bool(found.differs),
            comparable=(found.measured and not found.differs) or alike,
        )
        for position, found in enumerate(filled)
    )


def _together(filled: Sequence[Filled]) -> dict[tuple[int, ...], list[str]]:
    """Differences by the positions of all cells that they concern."""
    concerned: dict[str, list[int]] = defaultdict(list)
    for position, found in enumerate(filled):
        for text in found.differs:
            concerned[text].append(position)
    together: dict[tuple[int, ...], list[str]] = defaultdict(list)
    for text, positions in concerned.items():
        together[tuple(positions)].append(text)
    return together


def _measured_on(result: Result) -> str:
    subject, network = result.subject, result.feature_network
    task = subject.get("conditioning") or {}
    data = [facts.get(key) for facts in (subject, result.reference) for key in ("dataset", "split")]
    return " ".join(map(str, (*data, network.get("name"), task.get("kind"), task.get("degradation"), result.device)))


def _nowhere(source: tuple[str, str]) -> Stored:
    return Stored(source[1], None, "no result (it is not among the stored results)")


def _not_stored(stored: Stored) -> str:
    name = stored.path.rpartition("/")[2]
    place = f" ({stored.file})" if "/" in stored.path else ""
    return f"Result {name!r}{place}: {stored.why}. Measure it, then build the table again."
