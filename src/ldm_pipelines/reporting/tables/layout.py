"""A finished table, before it takes a form."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

ARROWS = {"lower": "↓", "higher": "↑", None: ""}


@dataclass(frozen=True)
class Heading:
    key: str
    label: str
    better: Literal["lower", "higher"] | None

    @property
    def text(self) -> str:
        """Label and an arrow to the better end."""
        return f"{self.label} {ARROWS[self.better]}".strip()


@dataclass(frozen=True)
class Cell:
    """``text`` is what is shown; ``value`` and ``std`` are in full precision, None where there is no number."""

    text: str
    std_text: str = ""
    value: float | None = None
    std: float | None = None
    best: bool = False
    missing: bool = False

    @property
    def shown(self) -> str:
        return f"{self.text} ± {self.std_text}" if self.std_text else self.text


@dataclass(frozen=True)
class Line:
    """A row. ``group`` is the dataset or task within which rows compete, ``result`` the name of our measurement."""

    method: str
    cells: tuple[Cell, ...]
    group: str = ""
    ours: bool = False
    study: str = ""
    result: str = ""
    marks: tuple[str, ...] = ()
    """Letters of the footnotes."""

    @property
    def label(self) -> str:
        if not self.ours:
            return self.method
        return f"{self.method} (ours, {self.study})" if self.study else f"{self.method} (ours)"


@dataclass(frozen=True)
class Footnote:
    mark: str
    text: str


@dataclass(frozen=True)
class RenderedTable:
    """``name`` is ``table_NN``; ``remarks`` concern the whole table."""

    name: str
    number: int
    title: str
    headings: tuple[Heading, ...]
    lines: tuple[Line, ...]
    footnotes: tuple[Footnote, ...]
    remarks: tuple[str, ...]

    @property
    def caption(self) -> str:
        return f"Table {self.number}. {self.title}"

    def groups(self) -> Iterator[tuple[str, list[Line]]]:
        """Lines by dataset or task, in order; one group named "" where the table has none."""
        for group, lines in groupby(self.lines, key=lambda line: line.group):
            yield group, list(lines)
