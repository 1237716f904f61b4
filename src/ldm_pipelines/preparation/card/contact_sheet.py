"""Small pictures in a grid, with a line or two below each: readable on light and on dark paper."""

from collections.abc import Sequence
from io import BytesIO
from typing import NamedTuple

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, ImageFont

from ldm_pipelines.data.splits import SPLITS
from ldm_pipelines.preparation.card.wording import shown

TILE, GAP, LINE, HEADING = 96, 12, 13, 24
COLUMNS, LINES = 8, 2
MOST = 64
GREY = (124, 131, 138, 255)
"""As far from white as from the dark page's ground."""


class Tile(NamedTuple):
    image: Image.Image
    label: str


def choose(manifest: pd.DataFrame, most: int = MOST) -> dict[str, list[int]]:
    """Rows by split: as many of each as there are, up to equal shares of ``most``, evenly spread over its images."""
    rows = {name: np.flatnonzero((manifest["split"] == name).to_numpy()) for name in SPLITS}
    left, shares = most, dict.fromkeys(SPLITS, 0)
    smallest_first = sorted((name for name in SPLITS if len(rows[name])), key=lambda name: len(rows[name]))
    for position, name in enumerate(smallest_first):
        shares[name] = min(len(rows[name]), left // (len(smallest_first) - position))
        left -= shares[name]
    return {name: _spread(rows[name], share) for name, share in shares.items() if share}


def labels(classes: Sequence[str], some: pd.DataFrame) -> list[str]:
    """The class of an image, or its caption, or where it came from."""
    captions = some["caption"].fillna("") if "caption" in some else pd.Series("", index=some.index)
    found = []
    for label, caption, origin in zip(some["label"], captions, some["origin"], strict=True):
        found.append(classes[label] if 0 <= label < len(classes) else str(caption).strip() or str(origin))
    return found


def draw(groups: Sequence[tuple[str, Sequence[Tile]]]) -> bytes:
    """A PNG with a heading over the tiles of each group."""
    row = TILE + LINES * LINE + GAP
    rows = [-(-len(tiles) // COLUMNS) for _, tiles in groups]
    height = sum(HEADING + count * row for count in rows)
    sheet = Image.new("RGBA", (COLUMNS * (TILE + GAP), height), (*GREY[:3], 0))
    pen, top = ImageDraw.Draw(sheet), 0
    for (heading, tiles), count in zip(groups, rows, strict=True):
        pen.text((GAP // 2, top + 5), _drawable(heading, _font(13)), fill=GREY, font=_font(13))
        for number, tile in enumerate(tiles):
            down, across = divmod(number, COLUMNS)
            _place(sheet, pen, tile, GAP // 2 + across * (TILE + GAP), top + HEADING + down * row)
        top += HEADING + count * row
    buffer = BytesIO()
    sheet.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def _place(sheet: Image.Image, pen: ImageDraw.ImageDraw, tile: Tile, x: int, y: int) -> None:
    image = _fitted(tile.image)
    sheet.paste(image, (x + (TILE - image.width) // 2, y + (TILE - image.height) // 2))
    font = _font(11)
    for number, line in enumerate(_lines(_drawable(tile.label, font), font)):
        pen.text((x, y + TILE + 1 + number * LINE), line, fill=GREY, font=font)


def _fitted(image: Image.Image) -> Image.Image:
    """As large as fits: small images by a whole factor, so that their pixels can be seen."""
    scale = TILE / max(image.size)
    if scale >= 1:
        size = (image.width * int(scale), image.height * int(scale))
        return image.convert("RGB").resize(size, Image.Resampling.NEAREST)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.convert("RGB").resize(size, Image.Resampling.LANCZOS)


def _lines(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> list[str]:
    """At most ``LINES`` lines no wider than a tile; what does not fit ends in three dots."""
    words, lines = text.split(), [""]
    while words:
        longer = f"{lines[-1]} {words[0]}".strip()
        if font.getlength(longer) > TILE and lines[-1] and len(lines) < LINES:
            lines.append("")
        else:
            lines[-1] = longer
            words.pop(0)
    return [_cut(line, font) for line in lines if line]


def _cut(line: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    cut = line
    while font.getlength(cut) > TILE:
        cut = cut.removesuffix("...")[:-1].rstrip() + "..."
    return cut


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _drawable(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """Pillow's bitmap font, where FreeType is missing, has Latin-1 alone."""
    printable = shown(text, 80)
    if isinstance(font, ImageFont.FreeTypeFont):
        return printable
    return printable.encode("latin-1", "replace").decode("latin-1")


def _spread(rows: np.ndarray, count: int) -> list[int]:
    return [int(rows[position]) for position in np.linspace(0, len(rows) - 1, count).round().astype(np.int64)]
