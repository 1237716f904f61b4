"""Tables of hyperparameters: the paper's values, ours below, differences marked."""

from collections.abc import Mapping
from itertools import starmap
from typing import Any

from pydantic import BaseModel, ConfigDict

from ldm_pipelines.errors import near_miss
from ldm_pipelines.reporting.paper.documents import HyperparameterTable
from ldm_pipelines.reporting.paper.hyperparameters import SETTINGS
from ldm_pipelines.reporting.paper.printed import DASH, Printed, number, show_count
from ldm_pipelines.reporting.results import METRICS_FOLDER, malformed, read_as
from ldm_pipelines.reporting.tables.footnotes import Footnotes
from ldm_pipelines.reporting.tables.layout import Cell, Heading, Line, RenderedTable, Source
from ldm_pipelines.reporting.tables.spec import SettingsTable

DIFFERS = "≠"
COUNTED_TOO = {"text": ("conditioner",), "layout": ("conditioner",), "low_res": ("first_stage",)}
"""What the paper counts with the UNet, by kind of conditioning: 1.45B has the transformer, 169M the first stage."""
SIZES = ("n_params", "model_size")
"""Rows that count parameters, to the digits that were printed."""
REMARK = f"{DIFFERS}: not the printed setting. Rates and batches of ours are those of all devices together."


class Description(BaseModel):
    """A model of the study in the paper's words, as ``describe_ldm`` stores it."""

    model_config = ConfigDict(frozen=True)

    name: str
    conditioning: str
    settings: dict[str, Any]
    parameters: dict[str, int | None]
    """Of ``denoiser``, ``conditioner`` and ``first_stage``."""

    def value(self, key: str) -> Any:
        """A row of the paper's table; raises ``KeyError`` for what is not described."""
        if key not in SIZES:
            return self.settings[key]
        counts = [self.parameters[part] for part in ("denoiser", *COUNTED_TOO.get(self.conditioning, ()))]
        return None if None in counts else sum(count for count in counts if count is not None)


def build_settings(
    table: SettingsTable, paper: HyperparameterTable, described: Mapping[str, Mapping[str, Any]], *, study: str = ""
) -> RenderedTable:
    """The published settings and, below each, those of our models; ``described``: descriptions by ``SUITE/NAME``."""
    models = {path.rpartition("/")[2]: (path, read_as(content, Description)) for path, content in described.items()}
    notes, problems = Footnotes(), []
    for column in table.columns:
        if column not in paper.columns:
            hint = near_miss(column, paper.columns)
            problems.append(f"tables.{table.name}.columns: Table {paper.table} has no model {column!r}{hint}")
    ours = {column: models.get(name, ("", "no description")) for column, name in table.columns.items()}
    counted = any(key in SIZES for key in paper.rows)
    marks = {
        column: notes.mark(_note(column, table.columns[column], *found, counted)) for column, found in ours.items()
    }
    lines = []
    for key, printed in paper.rows.items():
        label = SETTINGS[key].label
        lines.append(Line(label, tuple(Cell(_text(key, printed[c])) for c in paper.columns)))
        if ours:
            cells = tuple(_cell(key, printed[c], *ours[c]) if c in ours else Cell(DASH) for c in paper.columns)
            lines.append(Line(label, cells, ours=True, study=study, sources=_sources(ours)))
    remark = (REMARK, *(f"Left out: {problem}." for problem in problems))
    lacking = {f"{METRICS_FOLDER}/{path}.json": model for path, model in ours.values() if isinstance(model, str)}
    problems += [problem for problem in starmap(malformed, lacking.items()) if problem]
    return RenderedTable(
        name=table.name, number=paper.table, title=paper.title, stub="Hyperparameter",
        headings=tuple(Heading(c, f"{c} [{marks[c]}]" if c in marks else c, None) for c in paper.columns),
        lines=tuple(lines), footnotes=notes.finished(), remarks=remark, problems=tuple(problems),
    )  # fmt: skip


def as_printed(key: str, printed: Any, ours: Any) -> bool:
    """Whether a setting of ours is the printed one; counts to the printed digit, rounded or cut, as the paper does."""
    if key in SIZES and isinstance(ours, int) and (known := number(printed)) is not None:
        digits = str(printed)[:-1]
        unit = known / float(digits) / 10 ** len(digits.partition(".")[2])
        return round(known / unit) in (round(ours / unit), int(ours // unit))
    if isinstance(printed, float) and isinstance(ours, float):
        return abs(printed - ours) <= 1e-9 * abs(printed)
    return bool(printed == ours)


def _cell(key: str, printed: Any, path: str, model: Description | str) -> Cell:
    if isinstance(model, str):
        return Cell(f"missing: {model.partition(' (')[0]}", missing=True)
    source = Source(path, f"ldms.{model.name}")
    try:
        value = model.value(key)
    except KeyError:
        return Cell("missing: not described", missing=True, source=source)
    if value is None and key in SIZES:
        return Cell(DASH, source=source)
    differs = not as_printed(key, printed, value)
    text = show_count(value) if key in SIZES else _text(key, value)
    amount = float(value) if isinstance(value, int | float) else None
    return Cell(f"{DIFFERS} {text}" if differs else text, value=amount, differs=differs, source=source)


def _text(key: str, value: Any) -> str:
    if value is None:
        return DASH
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    if isinstance(value, Printed):
        return value.text
    if key == "learning_rate":
        return f"{value:.1e}" if float(f"{value:.1e}") == value else f"{value:.3e}"
    return str(value)


def _note(column: str, name: str, path: str, model: Description | str, counted: bool) -> str:
    if isinstance(model, str):
        return f"{column}: our {name}: {model}; describe it with `kedro run --pipelines=describe_ldm.{name}`."
    if not counted:
        return f"{column}: our {name} ({path})."
    parts = ["UNet", *(part.replace("_", " ") for part in COUNTED_TOO.get(model.conditioning, ()))]
    return f"{column}: our {name} ({path}); parameters of {' and '.join(parts)}, as the paper counts them."


def _sources(ours: Mapping[str, tuple[str, Description | str]]) -> tuple[Source, ...]:
    found = {path: Source(path, f"ldms.{m.name}") for path, m in ours.values() if isinstance(m, Description)}
    return tuple(found.values())
