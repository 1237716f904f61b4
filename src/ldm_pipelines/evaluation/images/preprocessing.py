"""Squares of one size from images of any: by the code that prepares datasets."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ldm_pipelines.data.resizing import resize_and_crop
from ldm_pipelines.spec import PositiveInt, Spec


class Preprocessing(Spec):
    """With a dataset's own values, images become what the dataset's preparation makes of them, byte for byte."""

    image_size: PositiveInt
    """Side of the squares in pixels."""
    resize: Literal["bilinear", "bicubic", "lanczos", "box"]
    """Pillow's filter, with anti-aliasing when shrinking. Shorter side first, then a centre crop."""

    def apply(self, image: Image.Image) -> NDArray[np.uint8]:
        """The square of an RGB image, (s, s, 3)."""
        return np.asarray(resize_and_crop(image, self.image_size, self.resize))
