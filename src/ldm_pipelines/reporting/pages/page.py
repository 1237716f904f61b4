"""Self-contained HTML: what every page is made with, and the page of one table."""

import base64
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from struct import unpack
from typing import Any

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

    @property
    def anchor(self) -> str:
        """Its id in the report; ``path`` is ``KIND/NAME.png``."""
        return f"picture-{self.path.parent.name}-{self.path.stem}"


def table_page(table: RenderedTable) -> str:
    """One table as a page that makes no request to anywhere."""
    return render("table.html.j2", table=table, title=table.caption)


@dataclass(frozen=True)
class Embedded:
    """A picture as it stands in a page."""

    anchor: str
    title: str
    caption: str
    alt: str
    width: int
    height: int
    uri: str


def embedded(picture: Picture) -> Embedded:
    """Raises ``InputError`` for a picture that is not a PNG file."""
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
    return Embedded(picture.anchor, picture.title, picture.caption, picture.alt, width, height, uri)


def render(template: str, **content: Any) -> str:
    """A page of ``templates``. The only script it may run is its own ``script``."""
    script = str(content.get("script", ""))
    digest = base64.b64encode(sha256(script.encode()).digest()).decode()
    return _environment().get_template(template).render(script_source=f"'sha256-{digest}'" if script else "", **content)


def asset(name: str) -> Markup:
    """A style sheet or script of ``templates``, to stand in a page as it is."""
    return Markup((TEMPLATES / name).read_text(encoding="utf-8"))  # noqa: S704 - our own file


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
    environment.globals["style"] = asset("style.css")
    return environment
