"""The pages of a data card: Markdown with its pictures beside it, and HTML with everything in it."""

import base64
import csv
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ldm_pipelines.preparation.card.contents import LEAK_COLUMNS, LEAKS, Card
from ldm_pipelines.preparation.card.describe import SHEET
from ldm_pipelines.preparation.card.duplicates_section import NEAR_PICTURE
from ldm_pipelines.preparation.card.wording import cell, markdown

TEMPLATES = Path(__file__).parent / "templates"


def write_card(card: Card, out: Path) -> None:
    """``data_card.md``, ``data_card.html``, the pictures, and ``leaks.csv`` where there are any, in ``out``.

    Those of an earlier card are removed.
    """
    out.mkdir(parents=True, exist_ok=True)
    for name in (SHEET, NEAR_PICTURE, LEAKS):
        (out / name).unlink(missing_ok=True)
    for picture in card.pictures:
        (out / picture.file).write_bytes(picture.png)
    if card.leaks:
        with (out / LEAKS).open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream, lineterminator="\n").writerows([LEAK_COLUMNS, *card.leaks])
    for form in ("md", "html"):
        text = _environment(form).get_template(f"data_card.{form}.j2").render(card=card)
        (out / f"data_card.{form}").write_text(text, encoding="utf-8", newline="\n")


@lru_cache(maxsize=2)
def _environment(form: str) -> Environment:
    """Whatever is put into a template is escaped for its form, HTML or Markdown."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_as_markdown if form == "md" else None,
    )
    environment.filters["cell"] = cell
    environment.filters["data_uri"] = _data_uri
    environment.tests["number"] = lambda value: isinstance(value, int | float)
    return environment


def _as_markdown(value: Any) -> Any:
    return value if isinstance(value, Markup) else Markup(markdown(str(value)))  # noqa: S704 - it is escaped


def _data_uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()
