"""Conditions drawn for people: captions, boxes, maps, holes."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ldm_pipelines.data.scenes import COLOURS

Colour = tuple[int, int, int]
Size = tuple[int, int]
"""(h, w) in pixels."""

COLOUR_WORDS = COLOURS
"""A class whose name has one of these words is drawn in that colour."""
PALETTE: tuple[Colour, ...] = (
    (31, 119, 180), (255, 127, 14), (148, 103, 189), (140, 86, 75), (227, 119, 194), (188, 189, 34), (23, 190, 207),
    (174, 199, 232), (255, 187, 120), (152, 223, 138), (255, 152, 150), (197, 176, 213),
)  # fmt: skip
"""Of the other classes, in turn."""
BACKGROUND: Colour = (58, 58, 58)
PAPER: Colour = (255, 255, 255)
INK: Colour = (40, 40, 40)
HATCH: tuple[Colour, Colour] = ((128, 128, 128), (152, 152, 152))
FONT_SIZES = range(22, 5, -1)
LABEL_SIZES = range(13, 6, -1)
LABELLED = 28
"""Pixels; narrower boxes have no room for a name."""


def class_colours(names: Sequence[str]) -> NDArray[np.uint8]:
    """A colour (n, 3) per class name."""
    colours = []
    for number, name in enumerate(names):
        words = name.lower().replace("_", " ").replace("-", " ").split()
        named = [COLOUR_WORDS[word] for word in words if word in COLOUR_WORDS]
        plain = BACKGROUND if "background" in words else PALETTE[number % len(PALETTE)]
        colours.append(named[0] if named else plain)
    return np.array(colours, dtype=np.uint8).reshape(-1, 3)


def draw_caption(text: str, size: Size) -> NDArray[np.uint8]:
    """The words on paper, broken into lines, as large as they fit; cut off if even the smallest font is too big."""
    height, width = size
    image = Image.new("RGB", (width, height), PAPER)
    _write(ImageDraw.Draw(image), text, (2, 2, width - 2, height - 2), INK, FONT_SIZES)
    return np.asarray(image)


def _write(
    draw: ImageDraw.ImageDraw, text: str, frame: tuple[int, int, int, int], ink: Colour, font_sizes: Sequence[int]
) -> None:
    """Centred in a frame (left, top, right, bottom), with the first size that fits, else the last."""
    left, top, right, bottom = frame
    for font_size in font_sizes:
        font = ImageFont.load_default(font_size)
        wrapped = "\n".join(_wrapped(text, font, right - left))
        box = draw.multiline_textbbox((0, 0), wrapped, font=font, align="center", spacing=font_size // 4)
        spare = right - left - (box[2] - box[0]), bottom - top - (box[3] - box[1])
        if min(spare) >= 0:
            break
    place = left + max(0.0, spare[0] / 2) - box[0], top + max(0.0, spare[1] / 2) - box[1]
    draw.multiline_text(place, wrapped, fill=ink, font=font, align="center", spacing=font_size // 4)


def _wrapped(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, room: int) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and font.getlength(longer) > room:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def draw_boxes(
    boxes: Sequence[tuple[int, tuple[float, float, float, float]]], names: Sequence[str], size: Size
) -> NDArray[np.uint8]:
    """Outlines of boxes (class, (x, y, width, height) in [0, 1]), with the classes' names where there is room."""
    height, width = size
    image = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(image)
    colours = class_colours(names)
    line = 1 if width < 96 else 2
    for label, (x, y, w, h) in boxes:
        left, top = round(x * (width - 1)), round(y * (height - 1))
        right, bottom = round((x + w) * (width - 1)), round((y + h) * (height - 1))
        r, g, b = colours[label].tolist() if label < len(names) else INK
        draw.rectangle((left, top, max(left, right), max(top, bottom)), outline=(r, g, b), width=line)
        if right - left >= LABELLED:
            frame = (left + line, top + line, right - line, bottom - line)
            _write(draw, names[label] if label < len(names) else str(label), frame, INK, LABEL_SIZES)
    return np.asarray(image)


def draw_map(classes: NDArray[np.integer], names: Sequence[str], size: Size) -> NDArray[np.uint8]:
    """A class map (h, w) in the classes' colours, enlarged without blur."""
    return enlarge(class_colours(names)[classes], size)


def enlarge(pixels: NDArray[np.uint8], size: Size) -> NDArray[np.uint8]:
    """uint8 (h, w, 3) at ``size`` by nearest neighbour."""
    return np.asarray(Image.fromarray(pixels).resize(size[::-1], Image.Resampling.NEAREST))


def hatched(pixels: NDArray[np.uint8], hole: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The image (h, w, 3) with its hole (h, w) in grey stripes."""
    rows, columns = np.indices(hole.shape)
    stripes = np.array(HATCH, dtype=np.uint8)[(rows + columns) // max(1, min(hole.shape) // 16) % 2]
    return np.where(hole[..., None], stripes, pixels)
