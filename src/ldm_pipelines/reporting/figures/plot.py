"""A figure before it is drawn: panels, lines, what is missing."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True)
class Axis:
    """``key`` names the values in the CSV. They are shown divided by ``unit``; ``ticks`` only where fixed."""

    key: str
    label: str
    logarithmic: bool = False
    unit: float = 1.0
    ticks: tuple[float, ...] = ()


class Dot(NamedTuple):
    """A measured point, the result that it is of, and at how many (training or sampler) steps, if at any."""

    x: float
    y: float
    result: str
    steps: float | None = None


@dataclass(frozen=True)
class Curve:
    """A line through measured points. ``rank`` is its place among the figure's lines, which fixes colour and marker.

    ``f``: downsampling factor of its first stage, None where it has several or none is known.
    """

    label: str
    rank: int
    points: tuple[Dot, ...]
    f: int | None = None

    def at(self, x: float) -> float | None:
        return next((point.y for point in self.points if point.x == x), None)

    def after(self, steps: float) -> Dot:
        """The point at these steps; KeyError where there is none."""
        return {point.steps: point for point in self.points}[steps]


@dataclass(frozen=True)
class Published:
    """A number that the paper prints, for orientation."""

    label: str
    x: float
    y: float


@dataclass(frozen=True)
class Panel:
    """One metric. Curves without a point are left out."""

    y: Axis
    better: str
    """``lower`` or ``higher``"""
    curves: tuple[Curve, ...]
    published: tuple[Published, ...] = ()


@dataclass(frozen=True)
class Missing:
    """A line, or points of it, that the figure should show and does not."""

    label: str
    why: str


@dataclass(frozen=True)
class Source:
    """A result that the figure shows, where it lies below the metrics, and of what it is."""

    result: str
    subject: str = ""
    digest: str = ""


@dataclass(frozen=True)
class Plot:
    """``protocol``: how our points were measured, one sentence."""

    x: Axis
    panels: tuple[Panel, ...]
    protocol: str = ""
    missing: tuple[Missing, ...] = ()
    sources: tuple[Source, ...] = ()

    def legend(self) -> list[tuple[int, str]]:
        """Rank and label of every line that some panel shows."""
        return sorted({(curve.rank, curve.label) for panel in self.panels for curve in panel.curves})

    def rows(self) -> Iterator[tuple[str, str, Dot, str]]:
        """Every plotted number: its line, whose it is, the point, and the key of y."""
        for panel in self.panels:
            for curve in panel.curves:
                yield from ((curve.label, "ours", point, panel.y.key) for point in curve.points)
            yield from ((p.label, "paper", Dot(p.x, p.y, ""), panel.y.key) for p in panel.published)
