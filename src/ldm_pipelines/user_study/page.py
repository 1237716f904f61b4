"""The page that asks: one file that works from a disk without a network, and knows no more than ids and images."""

import base64
import hashlib
from collections.abc import Sequence
from functools import lru_cache
from io import BytesIO
from math import ceil
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from PIL import Image

from ldm_pipelines.user_study.conditions import Pixels
from ldm_pipelines.user_study.questions import Key

TEMPLATES = Path(__file__).parent / "templates"
SECONDS_TO_ANSWER = 2.0
"""Assumed where people are told how long it takes."""


class Wording(NamedTuple):
    question: str
    condition: str
    """What the image between the two is."""


WORDING = {
    "low_res": Wording("Which is the better sharp version of the coarse picture?", "coarse picture"),
    "inpainting": Wording("Which one fills the striped hole better?", "picture with a striped hole"),
}
"""By kind of condition. One question for both tasks, so that it does not tell them apart."""


class Shown(NamedTuple):
    """The images of a question, uint8 (h, w, 3); the condition may be smaller."""

    id: str
    condition: Pixels
    left: Pixels
    right: Pixels


def write_page(folder: Path, key: Key, questions: Sequence[Shown], practice: Sequence[Shown]) -> None:
    """``index.html``: the questions in the order of their ids; the order of asking is each participant's own."""
    data = {
        "study": key.study,
        "key": key.digest,
        "seconds": key.seconds,
        "questions": [_embedded(shown) for shown in questions],
        "practice": [_embedded(shown) for shown in practice],
    }
    text = _environment().get_template("study.html.j2").render(
        data=data,
        wording=WORDING[key.condition["kind"]],
        count=len(questions),
        seconds=f"{key.seconds:g}",
        minutes=ceil(len(questions) * (key.seconds + SECONDS_TO_ANSWER) / 60),
    )  # fmt: skip
    (folder / "index.html").write_text(text, encoding="utf-8", newline="\n")


def _embedded(shown: Shown) -> dict[str, str]:
    images = {"condition": shown.condition, "left": shown.left, "right": shown.right}
    return {"id": shown.id} | {name: _data_uri(pixels) for name, pixels in images.items()}


def _data_uri(pixels: Pixels) -> str:
    """Every image encoded alike, without metadata, whatever file it came from."""
    content = BytesIO()
    Image.fromarray(pixels).save(content, format="PNG")
    return "data:image/png;base64," + base64.b64encode(content.getvalue()).decode()


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
    for name, file in (("style", "study.css"), ("script", "study.js")):
        content = (TEMPLATES / file).read_text(encoding="utf-8")
        environment.globals[name] = Markup(content)  # noqa: S704 - our file
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        environment.globals[f"{name}_hash"] = f"'sha256-{digest}'"  # the only one that the page's policy lets run
    return environment
