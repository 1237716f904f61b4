"""The study as a picture: its entities in columns by stage, and what is made from what."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Key = tuple[str, str]
"""Kind and name of an entity."""
Entities = Mapping[str, Mapping[str, Any]]

COLUMNS = (
    ("data", ("datasets",)),
    ("features", ("feature_networks",)),
    ("first stages", ("autoencoders", "imported_autoencoders", "imports")),
    ("latents", ("latents",)),
    ("models", ("ldms", "latent_classifiers")),
    ("images", ("samples", "baselines", "references")),
    ("evaluations", ("evaluations",)),
    ("other measurements", ()),
    ("tables, figures", ("tables", "figures")),
)
"""Headings, left to right; kinds that stand nowhere else are measurements."""
EVALUATIONS, OTHER = 6, 7
FIRST_STAGES = ("autoencoders", "imported_autoencoders", "imports")
REFERENCES = {
    "dataset": ("datasets",), "feature_network": ("feature_networks",), "perceptual_network": ("feature_networks",),
    "autoencoder": FIRST_STAGES, "latent": ("latents",), "ldm": ("ldms", "imports"),
    "classifier": ("latent_classifiers",), "samples": ("samples", "baselines"), "rival": ("samples", "baselines"),
    "reference": ("references",), "sweep": ("sweeps",), "throughput": ("throughputs",), "preference": ("user_studies",),
    "points": ("reconstructions",), "result": ("evaluations", "reconstructions"), "also": ("evaluations",),
}  # fmt: skip
"""By name of a parameter that names another entity: the kinds it may be of."""
RIVAL = "_rival"
"""What the name of a user study's second result ends with."""
BOX_WIDTH, BOX_HEIGHT, GAP, COLUMN_GAP, HEADING = 206, 24, 6, 30, 30


@dataclass(frozen=True)
class Box:
    """An entity: its place and where its section is."""

    key: Key
    x: float
    y: float
    label: str
    href: str
    sources: tuple[Key, ...]
    """What it is made from, but for what longer paths imply."""


@dataclass(frozen=True)
class Arrow:
    """``path`` is SVG's, from the right of the box ``start`` to the left of ``end``, both anchors."""

    start: str
    end: str
    path: str
    implied: bool
    """By a longer path."""


@dataclass(frozen=True)
class Picture:
    columns: tuple[tuple[str, tuple[Box, ...]], ...]
    """Headings and what stands below them."""
    arrows: tuple[Arrow, ...]
    width: float
    height: float
    box_width: int = BOX_WIDTH
    box_height: int = BOX_HEIGHT
    pitch: int = BOX_WIDTH + COLUMN_GAP
    """From column to column."""


def column(kind: str) -> int:
    return next((number for number, (_, kinds) in enumerate(COLUMNS) if kind in kinds), OTHER)


def anchor(key: Key) -> str:
    """The id of an entity's section."""
    kind, name = key
    if kind == "tables":
        return name
    return f"figure-{name}" if kind == "figures" else f"result-{kind}-{name}" if measured(kind) else f"{kind}-{name}"


def measured(kind: str) -> bool:
    """Whether entities of this kind are measurements."""
    return column(kind) in (EVALUATIONS, OTHER)


def made_from(entities: Entities) -> dict[Key, list[Key]]:
    """What each entity names among its parameters, as far as the study has it."""
    keys = {(kind, name) for kind, group in entities.items() for name in group}
    found: dict[Key, list[Key]] = {}
    for kind, name in keys:
        named = _named(entities[kind][name])
        found[kind, name] = sorted({key for key in named if key in keys and key != (kind, name)})
    return dict(sorted(found.items(), key=lambda item: (column(item[0][0]), item[0])))


def draw(entities: Entities) -> Picture:
    """Columns by stage; an arrow for what is made from what, told apart where a longer path implies it."""
    sources = made_from(entities)
    places: dict[Key, tuple[float, float]] = {}
    columns = []
    for number, (heading, _) in enumerate(COLUMNS):
        group = [key for key in sources if column(key[0]) == number]
        group.sort(key=lambda key: _mean([places[s][1] for s in sources[key] if s in places]))
        for row, key in enumerate(group):
            places[key] = (number * Picture.pitch, HEADING + row * (BOX_HEIGHT + GAP))
        boxes = [Box(key, *places[key], key[1], anchor(key), tuple(_direct(key, sources))) for key in group]
        columns.append((heading, tuple(boxes)))
    arrows = [
        Arrow(anchor(source), box.href, _path(places[source], (box.x, box.y)), source not in box.sources)
        for _, boxes in columns
        for box in boxes
        for source in sources[box.key]
    ]
    return Picture(
        tuple(columns),
        tuple(arrows),
        len(COLUMNS) * Picture.pitch - COLUMN_GAP,
        max((y for _, y in places.values()), default=HEADING) + BOX_HEIGHT + GAP,
    )


def _named(value: Any, field: str = "") -> Iterator[Key]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _named(item, "ldm" if field == "columns" else str(key))  # a settings table's
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _named(item, field)
    elif isinstance(value, str):
        name = value.removesuffix(RIVAL) if field == "preference" else value
        yield from ((kind, name) for kind in REFERENCES.get(field, ()))


def _direct(key: Key, sources: Mapping[Key, list[Key]]) -> list[Key]:
    """Those of its sources that are not also behind another of its sources."""
    behind = {further for source in sources[key] for further in _behind(source, sources)}
    return [source for source in sources[key] if source not in behind]


def _behind(key: Key, sources: Mapping[Key, list[Key]]) -> set[Key]:
    found: set[Key] = set()
    waiting = list(sources[key])
    while waiting:
        source = waiting.pop()
        if source not in found:
            found.add(source)
            waiting += sources[source]
    return found


def _path(start: tuple[float, float], end: tuple[float, float]) -> str:
    x0, y0 = start[0] + BOX_WIDTH, start[1] + BOX_HEIGHT / 2
    x1, y1 = end[0], end[1] + BOX_HEIGHT / 2
    bend = max((x1 - x0) / 2, COLUMN_GAP / 2)
    return f"M{x0:g} {y0:g}C{x0 + bend:g} {y0:g} {x1 - bend:g} {y1:g} {x1:g} {y1:g}"


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0
