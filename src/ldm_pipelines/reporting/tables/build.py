"""The paper's rows with ours beside them."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ldm_pipelines.reporting.pages.page import table_page
from ldm_pipelines.reporting.paper.documents import Column, PaperRow, PaperTable
from ldm_pipelines.reporting.paper.printed import DASH, number, show, show_like
from ldm_pipelines.reporting.results import Result, look_up, read_result
from ldm_pipelines.reporting.tables.forms import csv_text, latex, markdown
from ldm_pipelines.reporting.tables.layout import Cell, Footnote, Heading, Line, RenderedTable
from ldm_pipelines.reporting.tables.protocol import differences, provenance
from ldm_pipelines.reporting.tables.spec import Row, Table
from ldm_pipelines.reporting.tables.terminal import terminal

BOLD_REMARK = "Bold: the best published value of a column{within}. Rows of ours are never bold: their protocol differs."


def build(table: Table, paper: PaperTable, results: dict[str, dict[str, Any]], *, study: str = "") -> RenderedTable:
    """The published rows, and below each the rows of ours that reproduce it.

    ``results`` maps names to stored results. What is missing or malformed there becomes a cell that says so; a row
    whose method the paper does not have raises ``InputError``.
    """
    published = [_published_line(row, paper.columns) for row in paper.rows]
    published = _mark_best(published, paper.columns)
    below: dict[int, list[tuple[Row, Result | str]]] = defaultdict(list)
    for row in table.rows:
        below[paper.find(row.method)].append((row, read_result(results, row.result)))
    notes = _Footnotes()
    lines: list[Line] = []
    for position, line in enumerate(published):
        lines.append(line)
        for row, result in below[position]:
            lines.append(_our_line(row, result, paper, paper.rows[position], study, notes))
    within = " within its group" if any(line.group for line in lines) else ""
    return RenderedTable(
        name=table.name,
        number=paper.table,
        title=paper.title,
        headings=tuple(Heading(c.key, c.label, c.better) for c in paper.columns),
        lines=tuple(lines),
        footnotes=notes.finished(),
        remarks=(BOLD_REMARK.format(within=within),),
    )


def write(table: RenderedTable, folder: Path) -> None:
    """``table_NN.md``, ``.tex``, ``.csv``, ``.html`` and ``.txt`` (for the terminal) in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    forms = {"md": markdown(table), "tex": latex(table), "csv": csv_text(table), "html": table_page(table)}
    forms["txt"] = terminal(table)
    for extension, text in forms.items():
        (folder / f"{table.name}.{extension}").write_text(text, encoding="utf-8", newline="\n")


class _Footnotes:
    """Texts get letters in the order in which they are first needed."""

    def __init__(self) -> None:
        self._texts: list[str] = []

    def mark(self, text: str) -> str:
        if text not in self._texts:
            self._texts.append(text)
        return _letters(self._texts.index(text))

    def finished(self) -> tuple[Footnote, ...]:
        return tuple(Footnote(_letters(i), text) for i, text in enumerate(self._texts))


def _letters(index: int) -> str:
    """a … z, aa, ab …"""
    prefix = _letters(index // 26 - 1) if index >= 26 else ""
    return prefix + chr(ord("a") + index % 26)


def _published_line(row: PaperRow, columns: Iterable[Column]) -> Line:
    return Line(row.method, tuple(_published_cell(row, column.key) for column in columns), group=row.group)


def _published_cell(row: PaperRow, key: str) -> Cell:
    value, std = row.get(key), row.get(f"{key}_std")
    return Cell(show(value), "" if std is None else show(std), number(value), number(std))


def _mark_best(lines: list[Line], columns: tuple[Column, ...]) -> list[Line]:
    """Bold, per group and column, for every line that has the best value."""
    best: dict[tuple[str, int], float] = {}
    for position, column in enumerate(columns):
        choose = {"lower": min, "higher": max}.get(column.better or "")
        for group in {line.group for line in lines} if choose else ():
            cells = [line.cells[position] for line in lines if line.group == group]
            values = [cell.value for cell in cells if cell.value is not None]
            if choose and len(values) > 1:
                best[group, position] = choose(values)

    def marked(line: Line) -> Line:
        cells = enumerate(line.cells)
        return replace(
            line,
            cells=tuple(
                replace(cell, best=cell.value is not None and best.get((line.group, i)) == cell.value)
                for i, cell in cells
            ),
        )

    return [marked(line) for line in lines]


def _our_line(
    row: Row, result: Result | str, paper: PaperTable, published: PaperRow, study: str, notes: _Footnotes
) -> Line:
    line = Line(row.method, (), group=published.group, ours=True, study=study, result=row.result)
    if isinstance(result, str):
        cells = tuple(Cell(f"missing: {result.partition(' (')[0]}", missing=True) for _ in paper.columns)
        why = f"Result {row.result!r}: {result}. Measure it, then build the table again."
        return replace(line, cells=cells, marks=(notes.mark(why),))
    cells = tuple(_our_cell(result, column.key, [r.get(column.key) for r in paper.rows]) for column in paper.columns)
    shown = {column.key for column in paper.columns}
    texts = [provenance(result, shown), differences(result, paper, published)]
    return replace(line, cells=cells, marks=tuple(notes.mark(text) for text in texts if text))


def _our_cell(result: Result, key: str, published: list[Any]) -> Cell:
    value = look_up(result, key)
    if value is None:
        return Cell(DASH)
    if isinstance(value, str):
        return Cell(f"missing: {value}", missing=True)
    std = look_up(result, f"{key}_std")
    std = std if isinstance(std, float) else None
    text, std_text = show_like(value, std, published)
    return Cell(text, std_text, value, std)
