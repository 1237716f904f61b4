"""Bounding boxes as tokens (Jahn et al., 2021), as the released layout model reads them."""

from collections.abc import Sequence
from math import isqrt
from typing import NamedTuple

import numpy as np

from ldm_pipelines.errors import InputError

Area = tuple[float, float, float, float]
"""Left, top, width, height as fractions of the image."""
WHOLE: Area = (0.0, 0.0, 1.0, 1.0)


class LayoutObject(NamedTuple):
    """One box. The flags are OpenImages' and change the class token; datasets without them leave them False."""

    category: int
    area: Area
    group_of: bool = False
    occluded: bool = False
    depiction: bool = False
    inside: bool = False


class LayoutTokens:
    """Writes boxes as tokens: (class, top-left, bottom-right) per object, then two tokens for the crop.

    Class and coordinate tokens share one vocabulary; its last token says "no object". A point is one token: its cell in
    a grid of ``sections`` x ``sections`` cells, row by row.
    """

    def __init__(
        self, n_classes: int, max_objects: int, vocab_size: int, *, encode_crop: bool = True,
        group_flag: bool = False, other_flags: bool = False,
    ) -> None:  # fmt: skip
        """``group_flag`` and ``other_flags`` let the objects' flags change the class token.

        Raises:
            InputError: no classes, a vocabulary too small for them, or one whose last token is a point as well.
        """
        if n_classes < 1:
            raise InputError("layout conditioning needs at least one class of boxes, not none")
        self.n_classes, self.max_objects, self.vocab_size = n_classes, max_objects, vocab_size
        self.encode_crop, self.group_flag, self.other_flags = encode_crop, group_flag, other_flags
        self.sections = isqrt(vocab_size)
        class_tokens = n_classes * (16 if other_flags else 2 if group_flag else 1)
        if class_tokens >= vocab_size:
            raise InputError(
                f"conditioning.vocab_size is {vocab_size}, but {class_tokens} class tokens and the token for "
                f"'no object' need at least {class_tokens + 1}"
            )
        if self.sections < 2 or self.sections**2 == vocab_size:
            raise InputError(
                f"conditioning.vocab_size is {vocab_size}: all of it are points of a {self.sections} x {self.sections} "
                f"grid, which leaves no token for 'no object'; take {max(5, vocab_size + 1)}"
            )

    @property
    def none(self) -> int:
        """The token of an absent object."""
        return self.vocab_size - 1

    @property
    def length(self) -> int:
        """Tokens per image."""
        return 3 * self.max_objects + 2 * self.encode_crop

    def encode(
        self, objects: Sequence[LayoutObject], crop: Area = WHOLE, *, flip: bool = False,
        rng: np.random.Generator | None = None,
    ) -> list[int]:  # fmt: skip
        """Tokens of an image cut out at ``crop`` and then mirrored if ``flip``; ``rng`` shuffles the objects.

        Objects beyond the first ``max_objects`` and outside the crop are dropped. With crop tokens the boxes keep their
        place in the whole image (and are mirrored there), without they are relative to the crop.

        Raises:
            InputError: an object's class is none of the model's.
        """
        kept = list(objects[: self.max_objects])
        if rng is not None:
            kept = [kept[i] for i in rng.permutation(len(kept))]
        kept = [item for item in kept if _overlaps(item.area, crop)]
        frame = WHOLE if self.encode_crop else crop
        tokens: list[int] = []
        for item in kept:
            tokens += [self._class_token(item), *self._corners(_within(item.area, frame, flip))]
        tokens += [self.none] * (3 * (self.max_objects - len(kept)))
        if self.encode_crop:
            # The oracles' crops are symmetric and can't tell; the release mirrors the crop like the boxes.
            tokens += self._corners(_mirrored(crop) if flip else crop)
        return tokens

    def decode(self, tokens: Sequence[int]) -> list[tuple[int, Area]]:
        """Categories and boxes, at the grid's resolution, of one image's tokens."""
        triples = np.asarray(tokens)[: 3 * self.max_objects].reshape(-1, 3)
        found = []
        for label, first, last in triples[triples[:, 0] != self.none].tolist():
            (x0, y0), (x1, y1) = self._point(first), self._point(last)
            found.append((label % self.n_classes, (x0, y0, x1 - x0, y1 - y0)))
        return found

    def _class_token(self, item: LayoutObject) -> int:
        if item.category >= self.n_classes:
            raise InputError(f"a box has class {item.category}, but the model knows only {self.n_classes} classes")
        flags = 0
        if self.group_flag:
            flags += item.group_of
        if self.other_flags:
            flags += 2 * item.occluded + 4 * item.depiction + 8 * item.inside
        return item.category + self.n_classes * flags

    def _corners(self, area: Area) -> list[int]:
        x, y, width, height = area
        return [self._token(x, y), self._token(x + width, y + height)]

    def _token(self, x: float, y: float) -> int:
        last = self.sections - 1
        return round(y * last) * self.sections + round(x * last)  # Python rounds ties to even, as released

    def _point(self, token: int) -> tuple[float, float]:
        last = self.sections - 1
        return token % self.sections / last, token // self.sections / last


def _overlaps(area: Area, crop: Area) -> bool:
    return all(min(area[i] + area[i + 2], crop[i] + crop[i + 2]) > max(area[i], crop[i]) for i in (0, 1))


def _within(area: Area, frame: Area, flip: bool) -> Area:
    """``area`` in the coordinates of ``frame``. As released, a corner that is moved inside keeps the box's extent."""
    x, y = (min(max((area[i] - frame[i]) / frame[i + 2], 0.0), 1.0) for i in (0, 1))
    inside = (x, y, min(area[2] / frame[2], 1 - x), min(area[3] / frame[3], 1 - y))
    return _mirrored(inside) if flip else inside


def _mirrored(area: Area) -> Area:
    return 1 - (area[0] + area[2]), *area[1:]
