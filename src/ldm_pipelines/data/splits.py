"""Which split an image belongs to: a function of its pixels alone.

File names, order and the other images do not matter, so a dataset can grow or be renamed and no image ever moves from
test to train; copies of an image always stay together.
"""

from collections.abc import Mapping
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from ldm_pipelines.data.spec import Splits

SPLITS = ("train", "validation", "test")


def pixel_hash(pixels: NDArray[np.uint8]) -> str:
    """SHA-256 (hex) of uint8 pixels ``(h, w, 3)`` and their shape."""
    return sha256(repr(pixels.shape).encode() + np.ascontiguousarray(pixels).tobytes()).hexdigest()


def assign_split(pixel_hash: str, splits: Splits) -> str:
    """The hash, read as a position in [0, 1), falls into train, validation or test, in this order.

    A split with fraction 0 gets nothing. A larger ``train`` only ever moves images into train.
    """
    position = int(pixel_hash[:13], 16) / 16**13  # 52 bits: exact in a float, never rounded up to 1
    end, chosen = 0.0, ""
    for name in SPLITS:
        fraction = getattr(splits, name)
        if fraction == 0:
            continue
        end, chosen = end + fraction, name
        if position < end:
            break
    return chosen  # the last one also takes what rounding leaves between its end and 1


def unseen_split(counts: Mapping[str, int]) -> str | None:
    """The split to watch while training, of splits with so many images: validation, else test; None: both are empty."""
    return next((name for name in ("validation", "test") if counts[name]), None)
