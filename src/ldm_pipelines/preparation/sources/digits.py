"""The 1,797 real handwritten digits inside scikit-learn (from UCI's "Optical Recognition of Handwritten Digits")."""

from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_digits

from ldm_pipelines.preparation.listing.entries import Candidate, Listing
from ldm_pipelines.preparation.source_specs.digits import DigitsSource

GREY_LEVELS = 16
"""scikit-learn stores ink as 0 (none) to 16 (full)."""


def list_images(source: DigitsSource, raw: Path | None, name: str, image_size: int) -> Listing:
    """8x8 greyscale images, ink white on black: 0..16 becomes 0..255. Nothing else is needed."""
    digits = load_digits()
    grey = np.rint(digits.images * (255 / GREY_LEVELS)).astype(np.uint8)
    entries = [
        Candidate(origin=f"load_digits[{row}]", label=str(digit), open=partial(_image, grey[row]))
        for row, digit in enumerate(digits.target[: source.limit])
    ]
    return Listing.of(entries)


def _image(grey: NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(grey)
