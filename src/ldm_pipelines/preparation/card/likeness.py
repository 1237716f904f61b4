"""Whether two pictures show the same: a second look at what a hash found."""

import numpy as np
from PIL import Image

SIDE = 16
LARGEST_DIFFERENCE = 12.0
"""Root mean square over 16 x 16 pixels, of 255: JPEG at quality 60 and resizing give less, other images more."""
LEAST_CORRELATION = 0.9
"""So that images with little contrast are not alike for that alone."""


def alike(a: Image.Image, b: Image.Image) -> bool:
    """Whether one is the other, encoded or resized again."""
    x, y = _small(a), _small(b)
    if float(np.sqrt(np.mean((x - y) ** 2))) > LARGEST_DIFFERENCE:
        return False
    x, y = x - x.mean(), y - y.mean()
    return float((x * y).sum()) >= LEAST_CORRELATION * float(np.sqrt((x**2).sum() * (y**2).sum()))


def _small(image: Image.Image) -> np.ndarray:
    small = image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float64)
