"""Contact sheets: images side by side on white, with captions that can be read."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

PAPER = (255, 255, 255)
INK = (68, 68, 68)
HAIRLINE = (222, 222, 222)
"""Around each tile, so that white images do not melt into the paper."""
FONT_SIZES = (16, 14, 13, 12, 11, 10, 9)
"""The largest at which every caption fits; below the last they are cut short."""

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def save_grid(
    path: Path, pixels: NDArray[np.uint8], columns: int, captions: list[str] | None = None, scale: int = 1
) -> None:
    """Writes a PNG of uint8 images ``(n, h, w, 3)`` row by row; ``scale`` enlarges each pixel to a square."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draw_grid(pixels, columns, captions, scale).save(path, format="PNG")


def draw_grid(
    pixels: NDArray[np.uint8], columns: int, captions: list[str] | None = None, scale: int = 1
) -> Image.Image:
    """The contact sheet as a Pillow image. An empty caption leaves its place blank."""
    if pixels.ndim != 4 or pixels.shape[-1] != 3 or pixels.dtype != np.uint8 or len(pixels) == 0:
        raise ValueError(f"a grid needs uint8 images (n, h, w, 3), not {pixels.dtype} {pixels.shape}")
    if captions is not None and len(captions) != len(pixels):
        raise ValueError(f"{len(captions)} captions for {len(pixels)} images")
    if columns < 1 or scale < 1:
        raise ValueError(f"columns and scale must be at least 1, not {columns} and {scale}")
    tiles = pixels.repeat(scale, axis=1).repeat(scale, axis=2)
    height, width = tiles.shape[1:3]
    columns = min(columns, len(tiles))
    rows = -(-len(tiles) // columns)
    gap = max(3, width // 24)
    font = _fitting_font(captions or [], width + gap - 2)
    line = _line_height(font) if captions else 0
    step_x, step_y = width + gap, height + gap + line + (gap // 2 if captions else 0)
    sheet = Image.new("RGB", (columns * step_x + 3 * gap, rows * step_y + 3 * gap), PAPER)
    draw = ImageDraw.Draw(sheet)
    for number, tile in enumerate(tiles):
        left, top = 2 * gap + number % columns * step_x, 2 * gap + number // columns * step_y
        draw.rectangle((left - 1, top - 1, left + width, top + height), outline=HAIRLINE)
        sheet.paste(Image.fromarray(tile), (left, top))
        if captions:
            text = _shortened(captions[number], font, width + gap - 2)
            draw.text((left + width / 2, top + height + 2 + line / 2), text, fill=INK, font=font, anchor="mm")
    return sheet


def _fitting_font(captions: list[str], width: int) -> Font:
    """One size for the whole sheet, not out of proportion to the tiles."""
    fonts = [ImageFont.load_default(size) for size in FONT_SIZES if size <= max(10, width // 4)]
    fitting = (font for font in fonts if all(font.getlength(text) <= width for text in captions))
    return next(fitting, fonts[-1])


def _line_height(font: Font) -> int:
    _, top, _, bottom = font.getbbox("Ågjp", anchor="ls") if isinstance(font, ImageFont.FreeTypeFont) else (0, 0, 0, 11)
    return int(bottom - top) + 3


def _shortened(text: str, font: Font, width: int) -> str:
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text.rstrip() + "…"
