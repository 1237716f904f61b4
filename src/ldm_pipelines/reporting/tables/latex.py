"""A finished table as LaTeX: as wide as the text, over as many pages as it takes."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ldm_pipelines.reporting.tables.layout import Cell, Line, RenderedTable

PACKAGES = r"\usepackage[T1]{fontenc} and \usepackage{array,booktabs,longtable"
PORTRAIT, LANDSCAPE = 345.0, 550.0
"""Points from margin to margin in ``article``; where a document's text is wider, so are the columns."""
SIZES = ((PORTRAIT, "small", 9, 1.03), (PORTRAIT, "footnotesize", 8, 1.07), (LANDSCAPE, "small", 9, 1.03),
         (LANDSCAPE, "footnotesize", 8, 1.07), (LANDSCAPE, "scriptsize", 7, 1.15))  # fmt: skip
"""Room, size and its points, in the order in which they are tried; small type is wider for its height."""
LETTERS = ((0.3, "il.,:;'()|[]/ "), (0.8, "mwMW±×≠≤≥→%&"), (0.72, "ABCDEFGHIJKLNOPQRSTUVXYZ"))
"""Widths in ems, rather too wide than too narrow; all other characters have …"""
OTHERS = 0.53
GAP = 6.0
"""Points between columns."""

_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "%": r"\%",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "–": "--",
    "—": "---",
    "…": r"\ldots{}",
    "’": "'",
    "±": r"$\pm$",
    "×": r"$\times$",
    "≠": r"$\neq$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "→": r"$\rightarrow$",
    "↓": r"$\downarrow$",
    "↑": r"$\uparrow$",
    "η": r"$\eta$",
    "ε": r"$\varepsilon$",
    "τ": r"$\tau$",
}


@dataclass(frozen=True)
class _Fit:
    """How a table is set: ``widths`` and ``gaps`` (behind a column, with the letters that stand there) in points."""

    room: float
    size: str
    widths: tuple[float, ...]
    gaps: tuple[float, ...]

    @property
    def columns(self) -> str:
        """Widths as parts of the line, so that they grow with it."""
        kinds = ["raggedright", *["raggedleft"] * (len(self.widths) - 1)]
        parts = zip(kinds, self.widths, self.gaps, strict=True)
        return "@{}" + "".join(
            rf">{{\{kind}\arraybackslash}}p{{{width / self.room:.4f}\linewidth}}@{{\hspace{{{gap:.1f}pt}}}}"
            for kind, width, gap in parts
        )


def latex(table: RenderedTable) -> str:
    """A ``longtable`` with its notes, to be input between paragraphs; its first lines say what it needs."""
    fit = _fitted(table)
    turned = fit.room == LANDSCAPE
    width = len(table.headings) + 1
    heading = [escape_latex(table.stub), *(_held(escape_latex(heading.text)) for heading in table.headings)]
    body: list[str] = []
    for number, (group, lines) in enumerate(table.groups()):
        body += [r"\midrule"] if number else []
        body += [rf"\multicolumn{{{width}}}{{@{{}}l}}{{\emph{{{escape_latex(group)}}}}} \\*"] if group else []
        body += [" & ".join([_method(line), *map(_cell, line.cells)]) + r" \\" for line in lines]
    notes = [_breakable(remark) for remark in table.remarks]
    notes += [rf"\textsuperscript{{{note.mark}}} {_breakable(note.text)}" for note in table.footnotes]
    parts = [
        rf"% needs {PACKAGES}{',lscape' if turned else ''}}}: all in a basic TeX",
        r"% \input it between two paragraphs: it is no float, fits the text's width and goes on over pages",
        r"\begin{landscape}" if turned else "",
        rf"\begingroup\{fit.size}\setlength{{\LTcapwidth}}{{\linewidth}}",
        rf"\begin{{longtable}}{{{fit.columns}}}",
        rf"\caption{{Table {table.number} of the paper: {escape_latex(table.title)}}}",
        rf"\label{{tab:{table.name.replace('_', '-')}}} \tabularnewline",
        r"\toprule",
        " & ".join(heading) + r" \\",
        r"\midrule",
        r"\endhead",
        *body,
        r"\bottomrule",
        r"\end{longtable}",
        r"\footnotesize\raggedright\setlength{\parindent}{0pt}",
        *(rf"{note}\par" for note in notes),
        r"\endgroup",
        r"\end{landscape}" if turned else "",
    ]
    return "\n".join(part for part in parts if part) + "\n"


def escape_latex(text: str) -> str:
    """Text that LaTeX sets as it stands."""
    return "".join(_LATEX.get(character, character) for character in " ".join(text.split()))


def _fitted(table: RenderedTable) -> _Fit:
    """The first of ``SIZES`` in which no word is wider than its column, and the smallest if there is none."""
    columns = [[(table.stub, False), *((f"xx{line.label}", False) for line in table.lines)]]
    columns += [
        [(heading.text, False), *((line.cells[i].shown, line.cells[i].best) for line in table.lines)]
        for i, heading in enumerate(table.headings)
    ]
    marks = [
        max((_width(",".join(line.cells[i].marks)) for line in table.lines), default=0)
        for i in range(len(table.headings))
    ]
    for tried in SIZES:
        room, size, points, wider = tried
        ems = points * wider
        gaps = [GAP, *(0.75 * ems * mark + GAP for mark in marks)]
        gaps[-1] -= GAP
        natural = [ems * max(_width(text, bold) for text, bold in column) for column in columns]
        least = [ems * max(_width(word, bold) for text, bold in column for word in _words(text)) for column in columns]
        least[0] = max(least[0], natural[0] / 3)  # names on three lines, if they must
        free = room - 1 - sum(gaps) - sum(least)
        if free >= 0:
            break
    wished = sum(natural) - sum(least)
    share = min(1.0, max(free, 0.0) / wished) if wished else 0.0
    return _Fit(room, size, tuple(a + share * (b - a) for a, b in zip(least, natural, strict=True)), tuple(gaps))


def _words(text: str) -> list[str]:
    """What no line is broken in: a number stays with its deviation."""
    return [text] if "±" in text else re.sub(" ([↓↑])", r"\1", text).split() or [""]


def _held(heading: str) -> str:
    """An arrow does not stand on a line of its own."""
    return re.sub(r" (\$\\(down|up)arrow\$)$", r"~\1", heading)


def _width(text: str, bold: bool = False) -> float:
    """Of a text in ems."""
    ems = sum(next((width for width, letters in LETTERS if letter in letters), OTHERS) for letter in text)
    return ems * (1.15 if bold else 1)


def _breakable(text: str) -> str:
    """Notes name files and keys, which may be broken at slashes and underscores."""
    return escape_latex(text).replace("/", r"/\allowbreak{}").replace(r"\_", r"\_\allowbreak{}")


def _method(line: Line) -> str:
    label = escape_latex(line.label)
    return (rf"\quad\emph{{{label}}}" if line.ours else label) + _marks(line.marks)


def _marks(marks: Sequence[str]) -> str:
    return rf"\textsuperscript{{{','.join(marks)}}}" if marks else ""


def _cell(cell: Cell) -> str:
    text = escape_latex(cell.text)
    std = rf"~$\pm$~{escape_latex(cell.std_text)}" if cell.std_text else ""
    # beside the number, so that digits line up
    marks = rf"\rlap{{{_marks(cell.marks)}}}" if cell.marks else ""
    return (rf"\textbf{{{text}}}" if cell.best else text) + std + marks
