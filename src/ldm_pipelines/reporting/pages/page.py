"""Self-contained HTML: a page per table, and the report that puts tables and pictures together."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from struct import unpack

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ldm_pipelines.errors import InputError
from ldm_pipelines.reporting.tables.layout import RenderedTable

TEMPLATES = Path(__file__).parent / "templates"
_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Picture:
    """A PNG file, embedded where it is shown. ``alt`` describes it to someone who cannot see it."""

    path: Path
    title: str
    caption: str
    alt: str


@dataclass(frozen=True)
class KeyFigure:
    """A number worth a place at the top: ``value`` as shown, and what it is."""

    value: str
    label: str


def table_page(table: RenderedTable) -> str:
    """One table as a page that makes no request to anywhere."""
    return _environment().get_template("table.html.j2").render(table=table, title=table.caption)


def report_page(
    title: str,
    introduction: str,
    tables: Sequence[RenderedTable],
    pictures: Sequence[Picture],
    key_figures: Sequence[KeyFigure] = (),
) -> str:
    """The report as one page: key figures, pictures (embedded), tables."""
    template = _environment().get_template("report.html.j2")
    return template.render(
        title=title,
        introduction=introduction,
        tables=tables,
        pictures=[_embedded(picture) for picture in pictures],
        key_figures=key_figures,
    )


def write_report(
    folder: Path,
    *,
    title: str,
    introduction: str,
    tables: Sequence[RenderedTable],
    pictures: Sequence[Picture],
    key_figures: Sequence[KeyFigure] = (),
) -> Path:
    """``index.html`` in ``folder``; returns its path. Raises ``InputError`` for a picture that is not a PNG file."""
    text = report_page(title, introduction, tables, pictures, key_figures)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "index.html"
    path.write_text(text, encoding="utf-8", newline="\n")
    return path


@dataclass(frozen=True)
class _Embedded:
    title: str
    caption: str
    alt: str
    width: int
    height: int
    uri: str


def _embedded(picture: Picture) -> _Embedded:
    try:
        content = picture.path.read_bytes()
    except OSError as error:
        raise InputError(
            f"the report's picture {picture.path} cannot be read ({error}); run its stage first"
        ) from error
    if not content.startswith(_PNG) or len(content) < 24:
        raise InputError(f"the report's picture {picture.path} is not a PNG file")
    width, height = unpack(">II", content[16:24])
    uri = "data:image/png;base64," + base64.b64encode(content).decode()
    return _Embedded(picture.title, picture.caption, picture.alt, width, height, uri)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals["style"] = Markup((TEMPLATES / "style.css").read_text(encoding="utf-8"))  # noqa: S704 - our file
    return environment
