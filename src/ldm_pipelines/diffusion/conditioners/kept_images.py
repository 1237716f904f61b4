"""Images of a split that are made once and then kept in memory."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

MEMORY = 512 * 2**20
"""Bytes. A split that is larger is made anew at every read."""


class KeptImages:
    """``count`` uint8 images of one shape, each made by ``make(index)`` when first asked for."""

    def __init__(self, count: int, make: Callable[[int], NDArray[np.uint8]], memory: int = MEMORY) -> None:
        self._count, self._make, self._memory = count, make, memory
        self._images: NDArray[np.uint8] | None = None
        self._made = np.zeros(count, dtype=bool)

    def __getitem__(self, index: int) -> NDArray[np.uint8]:
        """(h, w, 3); not to be written to."""
        if self._images is not None and self._made[index]:
            kept: NDArray[np.uint8] = self._images[index]
            return kept
        image = self._make(index)
        if self._images is None and self._count * image.nbytes <= self._memory:
            self._images = np.empty((self._count, *image.shape), dtype=np.uint8)
        if self._images is not None:
            self._images[index] = image
            self._made[index] = True
        return image

    def read(self, indices: NDArray[np.integer]) -> NDArray[np.uint8]:
        """(b, h, w, 3)"""
        return np.stack([self[int(index)] for index in indices])
