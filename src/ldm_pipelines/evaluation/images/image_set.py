"""What every set of images that can be measured has in common."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class ImageSet(Protocol):
    """Square 8-bit RGB images, read when asked for: a dataset's split, a sample set, a folder, an archive, an array."""

    ids: list[str]
    """One name per image, unique in the set: a path, or a place in an array."""
    labels: NDArray[np.int64]
    """Shape (n,); -1 is no class."""
    image_size: int
    """Side s of all images in pixels."""

    def __len__(self) -> int: ...

    def pixels(self, indices: NDArray[np.integer]) -> NDArray[np.uint8]:
        """uint8 (b, s, s, 3); raises ``InputError`` naming an image that can't be read."""
        ...
