"""Small encoded images, each with pixels of its own, and how to recognise them again."""

from io import BytesIO

import numpy as np
from PIL import Image


def encoded(seed: int, kind: str = "JPEG", size: tuple[int, int] = (24, 16)) -> bytes:
    """An image file: smooth noise, different for each seed."""
    noise = np.random.default_rng(seed).integers(0, 256, (3, 4, 3), dtype=np.uint8)
    buffer = BytesIO()
    Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC).save(buffer, format=kind)
    return buffer.getvalue()


def pixels(content: bytes) -> np.ndarray:
    """Decoded, ``(height, width, 3)``."""
    with Image.open(BytesIO(content)) as image:
        return np.asarray(image.convert("RGB"))
