"""A finished figure as it lies on disk and as a page takes it."""

import csv
import io
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from xml.etree import ElementTree

from ldm_pipelines.errors import InputError
from ldm_pipelines.reporting.figures.observations import Observation
from ldm_pipelines.reporting.figures.plot import Missing, Plot, Source
from ldm_pipelines.reporting.figures.svg import inlined

CSV_COLUMNS = ("figure", "line", "origin", "steps", "x", "x_value", "y", "y_value", "result")


@dataclass(frozen=True)
class FigureFile:
    """``NAME.svg`` with what is said about it in ``NAME.json``. ``alt`` describes it to someone who cannot see it."""

    name: str
    title: str
    caption: str
    alt: str
    observations: tuple[Observation, ...]
    remark: str
    missing: tuple[Missing, ...]
    sources: tuple[Source, ...]
    svg: str

    def inline(self, prefix: str = "") -> str:
        """The SVG for embedding in a page; each place where it stands needs another prefix (default: its name)."""
        return inlined(self.svg, prefix or self.name)


def write(figure: FigureFile, png: bytes, table: str, folder: Path) -> None:
    """``NAME.svg``, ``.png``, ``.csv`` and ``.json`` in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    said = {key: value for key, value in asdict(figure).items() if key != "svg"}
    texts = {"svg": figure.svg, "csv": table, "json": json.dumps(said, indent=2, ensure_ascii=False) + "\n"}
    for extension, text in texts.items():
        (folder / f"{figure.name}.{extension}").write_text(text, encoding="utf-8", newline="\n")
    (folder / f"{figure.name}.png").write_bytes(png)


def read(folder: Path) -> FigureFile:
    """The finished figure in ``folder``, which has its name. Raises ``InputError``."""
    name = folder.name
    try:
        said = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        svg = (folder / f"{name}.svg").read_text(encoding="utf-8")
        said |= {
            "observations": tuple(Observation(**each) for each in said["observations"]),
            "missing": tuple(Missing(**each) for each in said["missing"]),
            "sources": tuple(Source(**each) for each in said["sources"]),
        }
        ElementTree.fromstring(svg)  # noqa: S314 - drawn by us
        return FigureFile(**said, svg=svg)
    except (OSError, ValueError, TypeError, KeyError, ElementTree.ParseError) as error:
        raise InputError(
            f"{folder} holds no finished figure ({name}.json, {name}.svg: {error}); make it with "
            f"`kedro run --pipelines=figures.{name}`"
        ) from error


def csv_text(name: str, plot: Plot) -> str:
    """Tidy: one line per point, numbers in full precision."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for line, origin, point, key in plot.rows():
        steps = "" if point.steps is None else f"{point.steps:g}"
        writer.writerow([name, line, origin, steps, plot.x.key, repr(point.x), key, repr(point.y), point.result])
    return buffer.getvalue()
