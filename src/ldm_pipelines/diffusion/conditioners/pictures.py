"""Conditions drawn for people: captions, boxes, maps, holes."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ldm_pipelines.data.scenes import COLOURS

Colour = tuple[int, int, int]
Size = tuple[int, int]
"""(h, w) in pixels."""
Frame = tuple[int, int, int, int]
"""(left, top, right, bottom) in pixels."""

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
    draw = ImageDraw.Draw(image)
    _set(draw, text, (2, 2, width - 2, height - 2), FONT_SIZES).draw(draw)
    return np.asarray(image)


class _Words(NamedTuple):
    """Broken into lines, set in a font, and where they go."""

    lines: str
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont
    spacing: int
    place: tuple[int, int]
    covers: Frame
    fits: bool

    def draw(self, draw: ImageDraw.ImageDraw) -> None:
        draw.multiline_text(self.place, self.lines, fill=INK, font=self.font, align="center", spacing=self.spacing)


def _set(draw: ImageDraw.ImageDraw, text: str, frame: Frame, font_sizes: Sequence[int]) -> _Words:
    """Centred in a frame, with the first size that fits, else the last."""
    left, top, right, bottom = frame
    for font_size in font_sizes:
        font, spacing = ImageFont.load_default(font_size), font_size // 4
        lines = "\n".join(_wrapped(text, font, right - left))
        box = draw.multiline_textbbox((0, 0), lines, font=font, align="center", spacing=spacing)
        width, height = box[2] - box[0], box[3] - box[1]
        fits = width <= right - left and height <= bottom - top
        if fits:
            break
    # whole pixels: Pillow cuts the tops of letters off at places like -2.5
    x, y = left + max(0, round((right - left - width) / 2)), top + max(0, round((bottom - top - height) / 2))
    covers = (x, y, x + round(width), y + round(height))
    return _Words(lines, font, spacing, (x - round(box[0]), y - round(box[1])), covers, fits)


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
    """Outlines of boxes (class, (x, y, width, height) in [0, 1]), with the classes' names in or beside them.

    A name is left out where neither the box nor the free space on one of its sides has room for it.
    """
    height, width = size
    image = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(image)
    colours = class_colours(names)
    line = 1 if width < 96 else 2
    frames: list[Frame] = []
    for label, (x, y, w, h) in boxes:
        left, top = round(x * (width - 1)), round(y * (height - 1))
        right, bottom = round((x + w) * (width - 1)), round((y + h) * (height - 1))
        frames.append((left, top, max(left, right), max(top, bottom)))
        r, g, b = colours[label].tolist() if label < len(names) else INK
        draw.rectangle(frames[-1], outline=(r, g, b), width=line)
    taken = list(frames)
    for (label, _), frame in zip(boxes, frames, strict=True):
        name = names[label] if label < len(names) else str(label)
        for words in (_set(draw, name, room, LABEL_SIZES) for room in _rooms_for_a_name(frame, taken, size, line + 1)):
            if words.fits and not any(_overlap(words.covers, other) for other in taken if other != frame):
                words.draw(draw)
                taken.append(words.covers)
                break
    return np.asarray(image)


def _overlap(one: Frame, other: Frame) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _rooms_for_a_name(box: Frame, boxes: Sequence[Frame], size: Size, gap: int) -> Iterator[Frame]:
    """Inside the box; then beside, below and above it, as far as the next box or the edge."""
    left, top, right, bottom = box
    yield left + gap, top + gap, right - gap, bottom - gap
    beside = [other for other in boxes if other[1] <= bottom and other[3] >= top]
    yield right + gap, top, min([size[1], *(other[0] for other in beside if other[0] > right)]) - gap, bottom
    yield max([0, *(other[2] for other in beside if other[2] < left)]) + gap, top, left - gap, bottom
    wide = max(0, left - (right - left)), min(size[1], right + (right - left))
    in_line = [other for other in boxes if other[0] <= wide[1] and other[2] >= wide[0]]
    below = min([size[0], *(other[1] for other in in_line if other[1] > bottom)])
    yield wide[0] + gap, bottom + gap, wide[1] - gap, below - gap
    above = max([0, *(other[3] for other in in_line if other[3] < top)])
    yield wide[0] + gap, above + gap, wide[1] - gap, top - gap


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
