"""The paper's rows with ours beside them."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ldm_pipelines.errors import InputError, near_miss
from ldm_pipelines.reporting.pages.page import table_page
from ldm_pipelines.reporting.paper.documents import Column, PaperRow, PaperTable, Unreadable
from ldm_pipelines.reporting.paper.printed import number, show
from ldm_pipelines.reporting.results import read_results
from ldm_pipelines.reporting.tables.footnotes import Footnotes
from ldm_pipelines.reporting.tables.forms import csv_text, markdown
from ldm_pipelines.reporting.tables.latex import latex
from ldm_pipelines.reporting.tables.layout import Cell, Heading, Line, RenderedTable
from ldm_pipelines.reporting.tables.ordering import unlike_the_paper
from ldm_pipelines.reporting.tables.ours import our_line
from ldm_pipelines.reporting.tables.spec import Row, Table
from ldm_pipelines.reporting.tables.terminal import terminal

BOLD_REMARK = "Bold: the best of a column{within}."
OURS_REMARK = (
    "Numbers of ours compete only where they are measured as the paper's; letters say where they are not, and in "
    "brackets what the paper has."
)


def build(table: Table, paper: PaperTable, results: dict[str, dict[str, Any]], *, study: str = "") -> RenderedTable:
    """The published rows, and below each the rows of ours that reproduce it.

    ``results`` maps ``FIELD/SUITE/NAME`` (a field of ``Row``) to stored results. What is missing or malformed there
    becomes a cell that says so. A malformed result, and a row that cannot be placed and is left out, become the table's
    ``problems``.
    """
    published = [_published_line(row, paper.columns) for row in paper.rows]
    below, problems = _place(table, paper)
    stored, notes = read_results(results), Footnotes()
    lines: list[Line] = []
    for position, line in enumerate(published):
        lines.append(line)
        for where, row in below[position]:
            ours, wrong = our_line(row, where, stored, paper, paper.rows[position], study, notes)
            lines.append(ours)
            problems += wrong
    headings = tuple(Heading(c.key, c.label, c.better) for c in paper.columns)
    unlike, undecided = unlike_the_paper(lines, headings)
    if unlike and table.remark:
        unlike.append(table.remark)
    said = [BOLD_REMARK.format(within=" within its group" if any(line.group for line in lines) else "")]
    said += [OURS_REMARK] if any(line.ours for line in lines) else []
    remarks = [" ".join(said), *unlike, undecided, *(f"Left out: {problem}." for problem in problems)]
    return RenderedTable(
        name=table.name,
        number=paper.table,
        title=paper.title,
        headings=headings,
        lines=tuple(_mark_best(lines, paper.columns)),
        footnotes=notes.finished(),
        remarks=tuple(filter(None, remarks)),
        unlike=tuple(unlike),
        problems=(*problems, *(found.problem for found in stored.values() if found.problem)),
    )


def unreadable(paper: Unreadable) -> RenderedTable:
    """A table of whose published rows nothing can be read: it says why."""
    return RenderedTable(
        name=paper.name, number=int(paper.name.rpartition("_")[2]), title="cannot be shown", headings=(), lines=(),
        footnotes=(), remarks=(f"Missing: {paper.why}.",), problems=(paper.why,),
    )  # fmt: skip


def write(table: RenderedTable, folder: Path) -> None:
    """``table_NN.md``, ``.tex``, ``.csv``, ``.html`` and ``.txt`` (for the terminal) in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    forms = {"md": markdown(table), "tex": latex(table), "csv": csv_text(table), "html": table_page(table)}
    forms["txt"] = terminal(table)
    for extension, text in forms.items():
        (folder / f"{table.name}.{extension}").write_text(text, encoding="utf-8", newline="\n")


def _place(table: Table, paper: PaperTable) -> tuple[dict[int, list[tuple[str, Row]]], list[str]]:
    """Our rows, with their keys in ``params.yaml``, by the position of the published row; and those without one."""
    below: dict[int, list[tuple[str, Row]]] = defaultdict(list)
    headed: dict[tuple[str, str, str], str] = {}
    problems = []
    known = {column.key for column in paper.columns}
    for index, row in enumerate(table.rows):
        where = f"tables.{table.name}.rows[{index}]"
        try:
            position = paper.find(row.method, row.group, row.where)
        except InputError as error:
            problems.append(f"{where}: {error}")
            continue
        heading = (paper.rows[position].group, row.method, row.label or row.method)
        named = f"{where} ({', '.join(name for _, name in row.sources)})"
        if heading in headed:
            problems.append(f"{named} and {headed[heading]} are both {heading[-1]!r}; set `label` to tell them apart")
            continue
        headed[heading] = named
        below[position].append((where, row))
        problems += [
            f"{where}.columns: the paper's table has no column {key!r}{near_miss(key, known)}"
            for key in row.columns
            if key not in known
        ]
    return below, problems


def _published_line(row: PaperRow, columns: Iterable[Column]) -> Line:
    return Line(row.method, tuple(_published_cell(row, column.key) for column in columns), group=row.group)


def _published_cell(row: PaperRow, key: str) -> Cell:
    value, std = row.get(key), row.get(f"{key}_std")
    return Cell(show(value), "" if std is None else show(std), number(value), number(std))


def _mark_best(lines: list[Line], columns: tuple[Column, ...]) -> list[Line]:
    """Bold, per group and column, for every line that has the best value among those that may be compared."""
    best: dict[tuple[str, int], float] = {}
    for position, column in enumerate(columns):
        choose = {"lower": min, "higher": max}.get(column.better or "")
        for group in {line.group for line in lines} if choose else ():
            cells = [line.cells[position] for line in lines if line.group == group]
            values = [cell.value for cell in cells if cell.value is not None and cell.comparable]
            if choose and len(values) > 1:
                best[group, position] = choose(values)

    def marked(line: Line) -> Line:
        cells = enumerate(line.cells)
        return replace(
            line,
            cells=tuple(
                replace(
                    cell, best=cell.comparable and cell.value is not None and best.get((line.group, i)) == cell.value
                )
                for i, cell in cells
            ),
        )

    return [marked(line) for line in lines]
