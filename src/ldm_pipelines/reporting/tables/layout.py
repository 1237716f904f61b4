"""A finished table, before it takes a form."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from ldm_pipelines.reporting.results import Interval

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
    interval: Interval | None = None
    """Of a number of ours: within the error of it."""
    epochs: float | None = None
    """Of a number of ours: how long its model was trained, where the paper says it of its own."""
    best: bool = False
    missing: bool = False
    differs: bool = False
    """A setting of ours that is not the paper's, or a number of ours whose protocol is not."""
    comparable: bool = True
    """Whether the number competes for the best of its column."""
    marks: tuple[str, ...] = ()
    """Letters of the footnotes."""
    protocol: str = ""
    """How the protocol of a number of ours is not the paper's."""
    source: "Source | None" = None
    """Where a number of ours comes from."""

    @property
    def shown(self) -> str:
        return f"{self.text} ± {self.std_text}" if self.std_text else self.text


@dataclass(frozen=True)
class Source:
    """A stored result: where it lies, whose it is, and how it came about."""

    result: str
    """``SUITE/NAME`` below ``data/08_reporting/metrics``, without ``.json``."""
    entity: str = ""
    """Key in ``params.yaml``; empty where nothing is stored."""
    record: str = ""
    """``STAGE.NAME`` below ``data/08_reporting/provenance``, without ``.json``; empty where there is none."""


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
    """Numbers of the footnotes."""
    title: str = ""
    """What a row of ours really is, where that is not the paper's method."""
    sources: tuple[Source, ...] = ()
    """The stored results that the row shows."""
    measured_on: tuple[str, ...] = ()
    """Of a row of ours: the data, the task and the networks. Figures on other ones say nothing of these."""
    compared: bool = True
    """Whether a row of ours reproduces the published row, and its order is held against the paper's."""

    @property
    def heading(self) -> str:
        return self.title or self.method

    @property
    def label(self) -> str:
        if not self.ours:
            return self.heading
        return f"{self.heading} (ours, {self.study})" if self.study else f"{self.heading} (ours)"


@dataclass(frozen=True)
class Footnote:
    mark: str
    text: str
    source: bool = False
    """Says what a row rests on, or lacks; else how numbers are not measured as the paper's."""


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
    stub: str = "Method"
    """What the first column lists."""
    unlike: tuple[str, ...] = ()
    """Those of ``remarks`` that say where our rows are not ordered as the paper's, and why that may be."""
    problems: tuple[str, ...] = ()
    """Mistakes in the study or in ``conf/paper``: the table stands, and the run ends with an error that names them."""

    @property
    def caption(self) -> str:
        return f"Table {self.number}. {self.title}"

    @property
    def sources(self) -> tuple[Source, ...]:
        """The stored results behind all rows of ours, each once."""
        return tuple(dict.fromkeys(source for line in self.lines for source in line.sources))

    def groups(self) -> Iterator[tuple[str, list[Line]]]:
        """Lines by dataset or task, in order; one group named "" where the table has none."""
        for group, lines in groupby(self.lines, key=lambda line: line.group):
            yield group, list(lines)
