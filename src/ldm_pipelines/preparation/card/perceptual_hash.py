"""A hash of what an image looks like: it hardly changes when the image is encoded or scaled again."""

import numpy as np
from PIL import Image

COLUMNS, ROWS = 8, 8


def dhash(image: Image.Image) -> int:
    """64-bit difference hash: which of two horizontal neighbours among 9 x 8 grey cells is the brighter one.

    The first bit, the highest, is that of the upper left corner; a bit is 1 where the right neighbour is brighter.
    """
    cells = np.asarray(image.convert("L").resize((COLUMNS + 1, ROWS), Image.Resampling.BOX))
    return int.from_bytes(np.packbits(cells[:, 1:] > cells[:, :-1]).tobytes(), "big")
