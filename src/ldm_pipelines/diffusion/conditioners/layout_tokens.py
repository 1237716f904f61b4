"""Bounding boxes as tokens (Jahn et al., 2021), as the released layout model reads them."""

from collections.abc import Sequence
from math import isqrt

import numpy as np

from ldm_pipelines.data.boxes import Box
from ldm_pipelines.errors import InputError

Area = tuple[float, float, float, float]
"""Left, top, width, height as fractions of the image."""


class LayoutTokens:
    """Writes boxes as tokens: (class, top-left, bottom-right) per object, then two tokens for the crop.

    Class and coordinate tokens share one vocabulary; its last token says "no object". A point is one token: its cell in
    a grid of ``sections`` x ``sections`` cells, row by row.

    Images are never cropped here: the crop is all of it. In the release, OpenImages' flags (a group, occluded, …) can
    change the class token; no dataset here has them.
    """

    def __init__(self, n_classes: int, max_objects: int, vocab_size: int) -> None:
        """Raises ``InputError``: no classes, a vocabulary too small for them, or one whose last token is a point."""
        if n_classes < 1:
            raise InputError("layout conditioning needs at least one class of boxes, not none")
        self.n_classes, self.max_objects, self.vocab_size = n_classes, max_objects, vocab_size
        self.sections = isqrt(vocab_size)
        if n_classes >= vocab_size:
            raise InputError(
                f"conditioning.vocab_size is {vocab_size}, but {n_classes} class tokens and the token for "
                f"'no object' need at least {n_classes + 1}"
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
        return 3 * self.max_objects + 2

    def encode(self, boxes: Sequence[Box], rng: np.random.Generator | None = None) -> list[int]:
        """Tokens of the first ``max_objects`` boxes, in an order drawn by ``rng``; None keeps their own.

        Raises:
            InputError: a box's class is none of the model's.
        """
        kept = list(boxes[: self.max_objects])
        if rng is not None:
            kept = [kept[i] for i in rng.permutation(len(kept))]
        tokens: list[int] = []
        for label, *area in kept:
            if label >= self.n_classes:
                raise InputError(f"a box has class {label}, but the model knows only {self.n_classes} classes")
            tokens += [label, *self._corners(*area)]
        tokens += [self.none] * (3 * (self.max_objects - len(kept)))
        return tokens + self._corners(0.0, 0.0, 1.0, 1.0)

    def decode(self, tokens: Sequence[int]) -> list[tuple[int, Area]]:
        """Classes and boxes, at the grid's resolution, of one image's tokens."""
        triples = np.asarray(tokens)[: 3 * self.max_objects].reshape(-1, 3)
        found = []
        for label, first, last in triples[triples[:, 0] != self.none].tolist():
            (x0, y0), (x1, y1) = self._point(first), self._point(last)
            found.append((label, (x0, y0, x1 - x0, y1 - y0)))
        return found

    def _corners(self, x: float, y: float, width: float, height: float) -> list[int]:
        return [self._token(x, y), self._token(x + width, y + height)]

    def _token(self, x: float, y: float) -> int:
        last = self.sections - 1
        return round(y * last) * self.sections + round(x * last)  # Python rounds ties to even, as released

    def _point(self, token: int) -> tuple[float, float]:
        last = self.sections - 1
        return token % self.sections / last, token // self.sections / last
