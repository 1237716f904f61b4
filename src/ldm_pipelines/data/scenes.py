"""What a scene is: its shapes, its colours, its captions. NumPy only, so that a program can check samples with it.

Positions and lengths are fractions of the image's side, x to the right and y down.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from ldm_pipelines.data.boxes import Box
from ldm_pipelines.errors import InputError

SHAPES = ("circle", "square", "triangle")
COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (220, 40, 40),
    "green": (40, 180, 70),
    "blue": (60, 90, 235),
    "yellow": (240, 210, 50),
}
BACKGROUND = (30, 70)
"""Darkest and lightest grey of the background."""
BOX_CLASSES = tuple(f"{colour} {shape}" for colour, shape in product(COLOURS, SHAPES))
MAP_CLASSES = ("background", *BOX_CLASSES)
"""The class of a shape in a map is its box class + 1."""

RELATIONS = ("left of", "right of", "above", "below")
CLEAR_DISTANCE = 6 / 32
"""Centres are at least this far apart along the axis of a relation …"""
CLEAR_RATIO = 1.5
"""… and so many times farther than along the other axis."""


@dataclass(frozen=True)
class SceneObject:
    """A shape, upright; ``x`` and ``y`` are the centre of its box, a square of side ``size``."""

    colour: str
    shape: str
    x: float
    y: float
    size: float

    @property
    def name(self) -> str:
        return f"{self.colour} {self.shape}"

    @property
    def box(self) -> Box:
        """Of the whole shape, hidden parts included."""
        label = BOX_CLASSES.index(self.name)
        return Box(label, self.x - self.size / 2, self.y - self.size / 2, self.size, self.size)

    def covers(self, x: NDArray[np.floating], y: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Which points lie inside the shape. A triangle stands on its base and is as high as it is wide."""
        across, down = np.abs(x - self.x) / self.size, (y - self.y) / self.size
        if self.shape == "circle":
            return np.asarray(across**2 + down**2 <= 0.25)
        if self.shape == "square":
            return np.asarray((across <= 0.5) & (np.abs(down) <= 0.5))
        return np.asarray((np.abs(down) <= 0.5) & (across <= (down + 0.5) / 2))


@dataclass(frozen=True)
class Statement:
    """What a caption says: names of objects in its order, and how the first of two lies to the second."""

    names: tuple[str, ...]
    relation: str | None = None


def clear_relation(dx: float, dy: float) -> str | None:
    """How something lies whose centre is ``dx`` to the right of and ``dy`` below another's; None where unclear."""
    along, other = max(abs(dx), abs(dy)), min(abs(dx), abs(dy))
    if along < CLEAR_DISTANCE or along < CLEAR_RATIO * other:
        return None
    if along == abs(dx):
        return "left of" if dx < 0 else "right of"
    return "above" if dy < 0 else "below"


def describe(objects: Sequence[SceneObject]) -> str:
    """The caption: ``a red circle``, ``a red circle left of a blue square``, ``a red circle, a … and a …``.

    The first of two objects is the subject. Raises ``ValueError`` where their relation is unclear, or without objects.
    """
    if not objects:
        raise ValueError("a caption needs an object")
    if len(objects) != 2:
        return say(Statement(tuple(item.name for item in objects)))
    first, second = objects
    relation = clear_relation(first.x - second.x, first.y - second.y)
    if relation is None:
        raise ValueError(f"{first} has no clear relation to {second}")
    return say(Statement((first.name, second.name), relation))


def say(statement: Statement) -> str:
    """The caption of a statement; ``parse`` undoes it."""
    *others, last = [f"a {name}" for name in statement.names]
    if statement.relation is not None:
        return f"{others[0]} {statement.relation} {last}"
    return f"{', '.join(others)} and {last}" if others else last


def parse(caption: str) -> Statement:
    """What a caption says. Raises ``InputError`` where it is none of this grammar."""
    noun = f"a ({'|'.join(BOX_CLASSES)})"
    related = re.fullmatch(f"{noun} ({'|'.join(RELATIONS)}) {noun}", caption)
    if related:
        return Statement((related[1], related[3]), related[2])
    if re.fullmatch(f"{noun}|{noun}(, {noun})* and {noun}", caption):
        return Statement(tuple(re.findall(noun, caption)))
    raise InputError(
        f"{caption!r} is no caption of a scene; one is 'a red circle', 'a red circle left of a blue square' or "
        f"'a red circle, a blue square and a green triangle', with colours {', '.join(COLOURS)}, shapes "
        f"{', '.join(SHAPES)} and relations {', '.join(RELATIONS)}"
    )
