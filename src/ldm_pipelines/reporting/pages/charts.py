"""Curves of a training as small SVG line charts."""

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from ldm_pipelines.errors import InputError

Points = list[tuple[float, float]]
PARTS = {"train": "training", "val": "validation"}
"""Prefix of a curve's column: which images it was measured on."""
WIDTH, HEIGHT = 340, 210
LEFT, RIGHT, TOP, BOTTOM = 52, 16, 14, 34
LOG_FROM = 20
"""Values that span a factor of more than this are drawn on a logarithmic axis."""


@dataclass(frozen=True)
class Tick:
    at: float
    text: str


@dataclass(frozen=True)
class Line:
    """``points`` is the attribute of an SVG polyline, in the chart's pixels."""

    part: str
    points: str
    markers: tuple[tuple[str, str], ...]
    """Centres of dots, where there are few enough points to show each."""


@dataclass(frozen=True)
class Chart:
    """One quantity against training steps, on training and validation images."""

    quantity: str
    lines: tuple[Line, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    logarithmic: bool
    alt: str
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    bottom: int = HEIGHT - BOTTOM


def charts(file: Path) -> list[Chart]:
    """The curves in a CSV file with a column ``step``; the loss first. Empty where there is no file."""
    if not file.is_file():
        return []
    curves: dict[str, dict[str, Points]] = {}
    with file.open(newline="", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            for column, value in row.items():
                prefix, _, quantity = str(column).partition("_")
                if prefix in PARTS and value:
                    points = curves.setdefault(quantity, {}).setdefault(PARTS[prefix], [])
                    points.append(_point(row.get("step"), value, file))
    finite = {quantity: _finite(parts) for quantity, parts in curves.items()}
    return [
        chart(name, finite[name]) for name in sorted(finite, key=lambda name: (name != "loss", name)) if finite[name]
    ]


def chart(quantity: str, parts: dict[str, Points]) -> Chart:
    """Scales that hold every part's points, and the points in pixels."""
    xs = [x for points in parts.values() for x, _ in points]
    ys = [y for points in parts.values() for _, y in points]
    logarithmic = min(ys) > 0 and max(ys) / min(ys) > LOG_FROM
    y_ticks = powers(min(ys), max(ys)) if logarithmic else steps(min(ys), max(ys))
    x_ticks = steps(0, max(xs))
    scale = math.log10 if logarithmic else float
    low, high = (scale(value) for value in (min([*ys, y_ticks[0]]), max([*ys, y_ticks[-1]])))
    right = max([*xs, x_ticks[-1]])

    def x_pixel(x: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * x / (right or 1)

    def y_pixel(y: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (scale(y) - low) / ((high - low) or 1)

    lines = []
    for part, points in parts.items():
        placed = [(f"{x_pixel(x):.1f}", f"{y_pixel(y):.1f}") for x, y in points]
        markers = tuple(placed) if len(placed) <= 12 else ()
        lines.append(Line(part, " ".join(f"{x},{y}" for x, y in placed), markers))
    told = "; ".join(f"{part} from {points[0][1]:.3g} to {points[-1][1]:.3g}" for part, points in parts.items())
    return Chart(
        quantity.replace("_", " "),
        tuple(lines),
        tuple(Tick(round(x_pixel(x), 1), f"{x:,.0f}") for x in x_ticks),
        tuple(Tick(round(y_pixel(y), 1), f"{y:,.0f}" if abs(y) >= 1000 else f"{y:.4g}") for y in y_ticks),
        logarithmic,
        f"{quantity.replace('_', ' ')} over {max(xs):,.0f} training steps: {told}",
    )


def steps(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers that reach over ``low`` … ``high``."""
    size = max(abs(low), abs(high))
    span = high - low if high - low > 1e-9 * size else size or 1.0  # what differs by less has one tick's text
    unit = 10 ** math.floor(math.log10(span / most))
    step = next(unit * factor for factor in (1, 2, 5, 10) if span / (unit * factor) <= most)
    first = math.floor(low / step + 1e-9)
    last = math.ceil(high / step - 1e-9)
    return [float(f"{step * number:.12g}") for number in range(first, max(last, first + 1) + 1)]


def powers(low: float, high: float) -> list[float]:
    """1, 2, 5 times powers of ten within ``low`` … ``high``, powers alone where there are many."""
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    factors: Sequence[int] = (1,) if len(exponents) > 3 else (1, 2, 5)
    inside = [factor * 10.0**exponent for exponent in exponents for factor in factors]
    found = [value for value in inside if low <= value <= high]
    return found if len(found) > 1 and all(a < b for a, b in pairwise(found)) else [low, high]


def _point(step: str | None, value: str, file: Path) -> tuple[float, float]:
    try:
        return float(step or ""), float(value)
    except ValueError:
        raise InputError(f"{file}: step {step!r}, value {value!r} are no numbers; make it with `dvc repro`") from None


def _finite(parts: dict[str, Points]) -> dict[str, Points]:
    kept = {part: [point for point in points if math.isfinite(point[1])] for part, points in parts.items()}
    return {part: points for part, points in kept.items() if points}
