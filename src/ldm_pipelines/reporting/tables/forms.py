"""A finished table as Markdown and CSV."""

import csv
import io
import re

from ldm_pipelines.reporting.tables.layout import Cell, Footnote, Line, RenderedTable

# --- Markdown --------------------------------------------------------------------------------------------------------

_MARKDOWN_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|~#$&])")


def markdown(table: RenderedTable) -> str:
    """GitHub's flavour: a pipe table, footnotes below; folded up, what rows of ours rest on."""
    width = len(table.headings) + 1
    names = [table.stub, *(heading.text for heading in table.headings)]
    rows = [list(map(escape_markdown, names)), [":--", *["--:"] * (width - 1)]]
    for group, lines in table.groups():
        if group:
            rows.append([f"*{escape_markdown(group)}*", *[""] * (width - 1)])
        rows += [[_markdown_method(line), *map(_markdown_cell, line.cells)] for line in lines]
    parts = [f"**Table {table.number}.** {escape_markdown(table.title)}"]
    parts.append("\n".join(f"| {' | '.join(row)} |" for row in rows))
    parts += [escape_markdown(remark) for remark in table.remarks]
    parts += [_markdown_note(note) for note in table.footnotes if not note.source]
    if sources := [_markdown_note(note) for note in table.footnotes if note.source]:
        parts += ["<details><summary>What rows of ours rest on</summary>", *sources, "</details>"]
    return "\n\n".join(parts) + "\n"


def escape_markdown(text: str) -> str:
    return _MARKDOWN_SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _markdown_note(note: Footnote) -> str:
    return f"<sup>{note.mark}</sup> {escape_markdown(note.text)}"


def _markdown_marks(marks: tuple[str, ...]) -> str:
    return f" <sup>{' '.join(marks)}</sup>" if marks else ""


def _markdown_method(line: Line) -> str:
    label = escape_markdown(line.label)
    return (f"↳ *{label}*" if line.ours else label) + _markdown_marks(line.marks)


def _markdown_cell(cell: Cell) -> str:
    text = escape_markdown(cell.text)
    std = f" ± {escape_markdown(cell.std_text)}" if cell.std_text else ""
    return (f"**{text}**" if cell.best else text) + std + _markdown_marks(cell.marks)


# --- CSV -------------------------------------------------------------------------------------------------------------

CSV_COLUMNS = (
    "table", "row", "group", "method", "origin", "study", "result",
    "metric", "label", "better", "value", "std", "shown", "best", "missing", "differs", "protocol", "title", "source",
)  # fmt: skip


def csv_text(table: RenderedTable) -> str:
    """Tidy: one line per cell, numbers in full precision."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for number, line in enumerate(table.lines, start=1):
        origin = "ours" if line.ours else "paper"
        row = (table.name, number, line.group, line.method, origin, line.study, line.result)
        for heading, cell in zip(table.headings, line.cells, strict=True):
            numbers = ["" if value is None else repr(float(value)) for value in (cell.value, cell.std)]
            flags = [str(flag).lower() for flag in (cell.best, cell.missing, cell.differs)]
            source = cell.source.result if cell.source else ""
            described = (heading.key, heading.label, heading.better or "", *numbers, cell.shown, *flags, cell.protocol)
            writer.writerow([*row, *described, line.title, source])
    return buffer.getvalue()
