"""Which of our rows are better than which, and whether the paper found the same of the rows that they reproduce."""

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

from ldm_pipelines.reporting.results import overlap
from ldm_pipelines.reporting.tables.layout import Cell, Heading, Line

NAMED = 2
"""At most so many pairs of a column are named, those first that the paper tells apart best."""
SIZES = frozenset({"n_params", "f", "c", "codebook_size"})
"""Columns of what a model is, not of how good it is."""


class _Pair(NamedTuple):
    """Two of our rows: ``better`` has the better value here."""

    better: Line
    worse: Line
    ours: tuple[Cell, Cell]
    theirs: tuple[Cell, Cell]

    @property
    def undecided(self) -> bool:
        """Within the error: the 95 % intervals overlap, or the values look equal."""
        a, b = self.ours
        return a.text == b.text or overlap(a.interval, b.interval)

    @property
    def agrees(self) -> bool:
        """With the paper, as with ours, the value of a better row lies on the same side."""
        return (_value(self.ours[0]) < _value(self.ours[1])) == (_value(self.theirs[0]) < _value(self.theirs[1]))

    @property
    def contrast(self) -> float:
        """How far the paper's values lie apart, relative to the larger one."""
        a, b = (_value(cell) for cell in self.theirs)
        return abs(a - b) / max(abs(a), abs(b))

    def words(self) -> str:
        alike = self.ours[0].epochs == self.ours[1].epochs
        texts = [cell.text if alike else f"{cell.text} {_trained(cell)}" for cell in self.ours]
        better, worse = (f"{line.heading} ({text})" for line, text in zip(self[:2], texts, strict=True))
        return f"{better} is better than {worse}, in the paper {self.theirs[0].text} and {self.theirs[1].text}"


def unlike_the_paper(lines: Sequence[Line], headings: Sequence[Heading]) -> tuple[list[str], str]:
    """A sentence for each metric that orders rows of ours otherwise than the paper orders its own.

    And one on the metrics that do not, but leave pairs undecided; empty where there are none. ``lines`` are those of a
    table: each published row with ours below it. Compared are rows of one group that were measured on the same
    (``Line.measured_on``) and reproduce (``Line.compared``) different published rows.
    """
    below = list(_below_published(lines))
    sentences, undecided = [], []
    for position, heading in enumerate(headings):
        pairs = list(_pairs(below, position, heading.better)) if heading.better and heading.key not in SIZES else []
        decided = [pair for pair in pairs if not pair.undecided]
        against = sorted((pair for pair in decided if not pair.agrees), key=lambda pair: -pair.contrast)
        within = len(pairs) - len(decided)
        if against:
            named = "; ".join(pair.words() for pair in against[:NAMED])
            rest = f"; and {len(against) - NAMED} more" if len(against) > NAMED else ""
            open_ = f" ({within} within the error)" if within else ""
            count = f"{_count(len(against), len(pairs))} of our rows unlike the paper{open_}"
            sentences.append(f"{heading.label} orders {count}: {named}{rest}.")
        elif within:
            undecided.append(f"{heading.label} ({_count(within, len(pairs))})")
    left = f"Within the error, so not held against the paper: {', '.join(undecided)}." if undecided else ""
    return sentences, left


def _count(some: int, every: int) -> str:
    return "the only pair" if every == 1 else f"{some} of {every} pairs"


def _below_published(lines: Sequence[Line]) -> Iterator[tuple[Line, Line]]:
    """Our rows that are compared, each with the published row above it."""
    published: Line | None = None
    for line in lines:
        if not line.ours:
            published = line
        elif published is not None and line.compared:
            yield line, published


def _pairs(below: Sequence[tuple[Line, Line]], position: int, better: str) -> Iterator[_Pair]:
    comparable = [
        (ours, published)
        for ours, published in below
        if ours.cells[position].value is not None and published.cells[position].value is not None
    ]
    for (a, above_a), (b, above_b) in combinations(comparable, 2):
        mine, other = a.cells[position], b.cells[position]
        printed, other_printed = above_a.cells[position], above_b.cells[position]
        if above_a is above_b or (a.group, a.measured_on) != (b.group, b.measured_on):
            continue
        if printed.value == other_printed.value:
            continue
        if (_value(mine) < _value(other)) == (better == "lower"):
            yield _Pair(a, b, (mine, other), (printed, other_printed))
        else:
            yield _Pair(b, a, (other, mine), (other_printed, printed))


def _value(cell: Cell) -> float:
    return 0.0 if cell.value is None else cell.value


def _trained(cell: Cell) -> str:
    return "after epochs not recorded" if cell.epochs is None else f"after {cell.epochs:.1f} epochs"
