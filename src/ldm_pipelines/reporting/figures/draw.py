"""A plot as SVG and PNG. The same plot gives the same bytes; matplotlib is imported where it draws."""

import io
import math
import textwrap
from typing import TYPE_CHECKING, Any, Literal

from ldm_pipelines.reporting.figures.plot import Axis, Panel, Plot
from ldm_pipelines.reporting.figures.style import DPI, GREY, LEGEND, LINES, NOTE, PANEL, WIDTH, settings

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis as Ticked
    from matplotlib.figure import Figure as Canvas
    from matplotlib.text import Annotation

PER_ROW = 3
"""Entries of the legend side by side, where they do not all fit in one row …"""
ROW, ENTRY, LETTER = 440, 40, 7
"""… of so many points, taken by an entry and each of its letters."""
NOTE_WIDTH = 80
"""Characters of a line of notes."""
DECADES = 2.2
"""Beyond so many, a logarithmic axis has ticks at powers of ten alone."""
LEFT, RIGHT = 0.11, 0.98
PLACES = [
    *((x, y, "left" if x > 0 else "right") for y in (0, 10, -10) for x in (9, -9)),
    *((x, y, side) for y in (14, -14, 22, -22, 30, -30) for x, side in ((-4, "left"), (4, "right"))),
]
"""Where a name stands by its point, in points, and which of its ends: beside it, else above or below."""
MARKER = 4.0
"""Points from the middle of a marker that a name keeps away."""

Entry = tuple[str, str, str, Literal["-", "none"]]
"""Of the legend: label, colour, marker and line style."""


def draw(name: str, plot: Plot) -> tuple[str, bytes]:
    """SVG text, as matplotlib writes it, and PNG bytes on white."""
    import matplotlib.style

    with matplotlib.style.context(["default", settings(name)]):
        canvas = _canvas(plot)
        svg, png = io.BytesIO(), io.BytesIO()
        undated = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        canvas.savefig(svg, format="svg", transparent=True, metadata=undated)
        canvas.savefig(png, format="png", dpi=DPI, facecolor="white", metadata={"Software": None})
    return svg.getvalue().decode(), png.getvalue()


def _canvas(plot: Plot) -> "Canvas":
    """Panels below each other, the legend above them, what is missing below."""
    from matplotlib.figure import Figure as Canvas
    from matplotlib.lines import Line2D

    notes = [line for missing in plot.missing for line in _wrapped(f"Not shown, {missing.label}: {missing.why}")]
    entries = _legend(plot)
    columns = len(entries) if sum(ENTRY + LETTER * len(label) for label, *_ in entries) <= ROW else PER_ROW
    top = LEGEND * math.ceil(len(entries) / max(columns, 1)) + 0.1
    bottom = NOTE * len(notes) + (0.15 if notes else 0.05)
    height = top + PANEL * len(plot.panels) + bottom
    canvas = Canvas(figsize=(WIDTH, height))
    for position, panel in enumerate(plot.panels):
        floor = bottom + PANEL * (len(plot.panels) - 1 - position) + 0.55
        axes = canvas.add_axes((LEFT, floor / height, RIGHT - LEFT, (PANEL - 0.95) / height))
        _fill(axes, plot.x, panel)
    if entries:
        handles = [Line2D([], [], label=label, color=c, marker=m, linestyle=s) for label, c, m, s in entries]
        by_row = [handle for column in range(columns) for handle in handles[column::columns]]
        canvas.legend(handles=by_row, loc="upper left", ncols=columns, bbox_to_anchor=(0.01, 1))
    for number, line in enumerate(reversed(notes)):
        canvas.text(0.02, (0.1 + NOTE * number) / height, line, fontsize=9, va="baseline")
    return canvas


def _fill(axes: "Axes", x: Axis, panel: Panel) -> None:
    axes.set_title(f"{panel.y.label} ({panel.better} is better)")
    axes.set_xlabel(x.label)
    for curve in panel.curves:
        colour, marker = LINES[curve.rank]
        xs, ys = [p.x / x.unit for p in curve.points], [p.y for p in curve.points]
        axes.plot(xs, ys, color=colour, marker=marker, clip_on=False, zorder=3)
    for point in panel.published:
        axes.plot(point.x, point.y, color=GREY, marker="X", linestyle="none", zorder=2)
    _scale(axes.xaxis, x)
    _scale(axes.yaxis, panel.y)
    if panel.published:
        right = max(point.x for point in panel.published)
        axes.set_xlim(right=max(axes.get_xlim()[1], right * 2.3))  # room for the labels
        _name(axes, panel)
    if not panel.curves:
        axes.text(0.5, 0.5, "nothing measured yet", transform=axes.transAxes, ha="center", va="center")
    if not panel.curves and not panel.published:
        axes.set(xticks=[], yticks=[])


def _name(axes: "Axes", panel: Panel) -> None:
    """What the paper's points are called, each where no line, point or other name is; the nearest place is best."""
    from matplotlib.path import Path
    from matplotlib.transforms import Bbox

    reach = MARKER * axes.get_figure(root=True).dpi / 72  # type: ignore[union-attr]
    drawn: Any = [axes.transData.transform(line.get_xydata()) for line in axes.lines]
    lines = [Path(points) for points in drawn]
    taken = [Bbox([(x - reach, y - reach), (x + reach, y + reach)]) for points in drawn for x, y in points]
    for point in panel.published:
        named = axes.annotate(
            point.label, (point.x, point.y), (0, 0), textcoords="offset points", va="center", fontsize=10, color=GREY
        )

        def hits(place: tuple[float, float, str], named: "Annotation" = named) -> int:
            named.set(position=place[:2], ha=place[2])
            box = named.get_window_extent()
            outside = not axes.bbox.containsx(box.x0) or not axes.bbox.containsy(box.y0)
            return (
                sum(line.intersects_bbox(box, filled=False) for line in lines) + sum(map(box.overlaps, taken)) + outside
            )

        hits(min(PLACES, key=hits))
        taken.append(Bbox(named.get_window_extent()))


def _scale(ticked: "Ticked", axis: Axis) -> None:
    """Plain numbers as tick labels, at readable places of a logarithmic axis too."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

    if axis.logarithmic:
        ticked.axes.set(**{f"{ticked.axis_name}scale": "log"})  # type: ignore[attr-defined]
        ticked.set_major_locator(FixedLocator(axis.ticks or _ticks(*ticked.get_view_interval())))
        ticked.set_minor_locator(NullLocator())
        ticked.set_minor_formatter(NullFormatter())
    ticked.set_major_formatter(FuncFormatter(_plain))


def _ticks(low: float, high: float) -> list[float]:
    """At powers of ten; also at 2 and 5 times those where they are few; evenly where even these are."""
    from matplotlib.ticker import LogLocator, MaxNLocator

    subs = (1.0,) if high / low > 10**DECADES else (1.0, 2.0, 5.0)
    for locator in (LogLocator(subs=subs, numticks=12), MaxNLocator(5)):
        ticks = [float(tick) for tick in locator.tick_values(low, high) if low <= tick <= high]
        if len(ticks) > 1:
            break
    return ticks


def _plain(value: float, _: Any) -> str:
    whole = abs(value) >= 1000 and value == round(value)
    return (f"{value:,.0f}" if whole else f"{value:g}").replace("-", "−")


def _legend(plot: Plot) -> list[Entry]:
    entries: list[Entry] = [(label, *LINES[rank], "-") for rank, label in plot.legend()]
    if any(panel.published for panel in plot.panels):
        entries.append(("the paper, on its own data", GREY, "X", "none"))
    return entries


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, NOTE_WIDTH, subsequent_indent="    ")
