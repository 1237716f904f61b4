"""What a data card says: plain values that its pages only lay out."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Cell = str | int | float
LeakRow = tuple[str, str, str, str, str, str, int]
LEAKS = "leaks.csv"
LEAK_COLUMNS = ("split", "id", "origin", "kind", "train_id", "train_origin", "bits")
QUANTILES = {"smallest": 0.0, "5 %": 0.05, "25 %": 0.25, "median": 0.5, "75 %": 0.75, "95 %": 0.95, "largest": 1.0}


@dataclass(frozen=True)
class Table:
    """``bars`` are lengths in percent of the longest, one per row, or none."""

    caption: str
    headings: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    bars: tuple[float, ...] = ()


@dataclass(frozen=True)
class Picture:
    """A PNG, in its own file beside the text and embedded in the page."""

    file: str
    title: str
    alt: str
    png: bytes


@dataclass(frozen=True)
class Section:
    title: str
    note: str = ""
    facts: tuple[tuple[str, Cell], ...] = ()
    tables: tuple[Table, ...] = ()
    pictures: tuple[Picture, ...] = ()

    @property
    def empty(self) -> bool:
        return not (self.facts or self.tables or self.pictures)


@dataclass(frozen=True)
class Card:
    """``warnings`` come first on every page; ``leaks`` have a file of their own."""

    name: str
    introduction: str
    warnings: tuple[str, ...] = ()
    sections: tuple[Section, ...] = field(default=())
    leaks: tuple[LeakRow, ...] = ()

    @property
    def pictures(self) -> tuple[Picture, ...]:
        return tuple(picture for section in self.sections for picture in section.pictures)


def quantile_row(name: str, values: Sequence[float] | NDArray[np.generic]) -> tuple[Cell, ...]:
    """A name and values that occur, at ``QUANTILES``."""
    found = np.quantile(np.asarray(values), list(QUANTILES.values()), method="inverted_cdf")
    return (name, *found.tolist())


def quantile_table(caption: str, *rows: tuple[Cell, ...]) -> Table:
    return Table(caption, ("", *QUANTILES), rows)


def bar_table(caption: str, headings: tuple[str, str], counts: Sequence[tuple[str, int]], longest: int = 0) -> Table:
    """Names and counts; bars are relative to ``longest``, or to the largest of them."""
    scale = longest or max((count for _, count in counts), default=0) or 1
    return Table(caption, headings, tuple(counts), tuple(round(100 * count / scale, 1) for _, count in counts))
