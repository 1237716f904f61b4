"""A finished table as plain text for a terminal."""

import re
import textwrap

from ldm_pipelines.reporting.tables.layout import Cell, Line, RenderedTable

GAP = 2
HOLD = "\N{NO-BREAK SPACE}"
"""A space at which no line ends."""


def terminal(table: RenderedTable, width: int = 110) -> str:
    """Aligned columns of at most ``width`` characters; the best values carry an asterisk."""
    columns = range(len(table.headings))
    ends = [max((len(_end(line.cells[i])) for line in table.lines), default=1) for i in columns]
    rows = [[_method(line), *map(_cell, line.cells, ends)] for line in table.lines]
    aligned = [row for row, line in zip(rows, table.lines, strict=True) if not _lost(line)]
    plain = [table.stub, *(heading.text + HOLD * end for heading, end in zip(table.headings, ends, strict=True))]
    held = [re.sub(" ([↓↑])", rf"{HOLD}\1", text) for text in plain]
    headings, widths = _fit(held, plain, aligned, width - GAP * len(table.headings))
    rule = "─" * (sum(widths) + GAP * (len(widths) - 1))
    out = [*textwrap.wrap(table.caption, width), "", *_wrapped(headings, widths, bottom=True), rule]
    group = ""
    for row, line in zip(rows, table.lines, strict=True):
        if line.group != group:
            group = line.group
            out += ([""] if out[-1] != rule else []) + [group]
        out += _paragraph("", "  ".join(row[:2]), width) if _lost(line) else _wrapped(row, widths)
    out += [rule]
    for remark in table.remarks:
        out += _paragraph("", remark.replace("Bold:", "*:"), width)
    for note in table.footnotes:
        out += _paragraph(f"[{note.mark}] ", note.text, width)
    return "\n".join(line.replace(HOLD, " ").rstrip() for line in out) + "\n"


def _method(line: Line) -> str:
    marks = f" [{','.join(line.marks)}]" if line.marks else ""
    return f"{'↳ ' if line.ours else ''}{line.label}{marks}"


def _lost(line: Line) -> bool:
    """Whether the whole line is missing, for one reason: said once."""
    return line.cells[0].missing and len({cell.text for cell in line.cells}) == 1


def _end(cell: Cell) -> str:
    """What stands behind a number: an asterisk at the best, letters where it does not compete."""
    if cell.best:
        return "*"
    letters = ("," if any(len(mark) > 1 for mark in cell.marks) else "").join(cell.marks)
    return f"{HOLD}{letters}" if letters and not cell.missing else HOLD


def _cell(cell: Cell, end: int) -> str:
    """The place of asterisk and letters stays free where there are none, so that digits line up."""
    text = cell.text + (f"±{cell.std_text}" if cell.std_text else "")
    return text if cell.missing else text + _end(cell).ljust(end, HOLD)


def _fit(held: list[str], plain: list[str], rows: list[list[str]], room: int) -> tuple[list[str], list[int]]:
    """Headings and widths: headings whole, else broken before the arrow, else broken anywhere. Numbers never break."""
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(plain)
    cells = [max(map(_longest_word, column), default=0) for column in columns]
    natural = [max((len(t) for t in column if not t.startswith("missing:")), default=0) for column in columns]
    for headings in (held, plain):
        least = [max(_longest_word(h), cell) for h, cell in zip(headings, cells, strict=True)]
        if sum(least) <= room:
            break
    else:
        least = cells
    widths = [max(pair) for pair in zip(natural, least, strict=True)]
    while sum(widths) > room and widths != least:
        slack = [(now > floor, now) for now, floor in zip(widths, least, strict=True)]
        widths[slack.index(max(slack))] -= 1
    return headings, widths


def _longest_word(text: str) -> int:
    return max((len(word) for word in text.split(" ")), default=0)


def _wrapped(cells: list[str], widths: list[int], *, bottom: bool = False) -> list[str]:
    """One table row on as many lines as its longest cell needs; numbers to the right, names to the left."""
    blocks = [
        textwrap.wrap(text, size, subsequent_indent="  " if column == 0 and size > 12 else "") or [""]
        if len(text) > size
        else [text]
        for column, (text, size) in enumerate(zip(cells, widths, strict=True))
    ]
    height = max(map(len, blocks))
    filled = [[""] * (height - len(b)) + b if bottom else b + [""] * (height - len(b)) for b in blocks]
    gap = " " * GAP
    return [
        gap.join(
            part.ljust(size) if column == 0 else part.rjust(size)
            for column, (part, size) in enumerate(zip(parts, widths, strict=True))
        ).rstrip(" ")
        for parts in zip(*filled, strict=True)
    ]


def _paragraph(mark: str, text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, initial_indent=mark, subsequent_indent=" " * len(mark))
