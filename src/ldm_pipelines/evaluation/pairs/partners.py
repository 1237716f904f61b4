"""Two sets of images, compared one by one."""

from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from ldm_pipelines.data.tensors import to_tensor
from ldm_pipelines.errors import InputError
from ldm_pipelines.evaluation.images.arrays import ArrayImages
from ldm_pipelines.evaluation.images.image_set import ImageSet
from ldm_pipelines.evaluation.measured import Measured
from ldm_pipelines.evaluation.pairs.metrics import PairedMetrics
from ldm_pipelines.feature_networks.features import PerceptualDistance


class PartnerImages:
    """PSNR, SSIM and, where there is one, a perceptual distance to each image's partner. An ``Onlooker``.

    Partners have the same file name without extension; where one of the sets is an array, the same place.
    """

    def __init__(self, images: ImageSet, truth: ImageSet, perceptual: PerceptualDistance | None, device: str) -> None:
        """Raises ``InputError`` where an image has no partner, or the sizes are not one."""
        if images.image_size != truth.image_size:
            raise InputError(
                f"evaluate.truth: images of {truth.image_size} pixels cannot be compared with images of "
                f"{images.image_size}: both need one size (evaluate.image_size resizes both)"
            )
        self._truth, self._places, self._device = truth, _partners(images, truth), device
        self._paired = PairedMetrics(perceptual.to(device) if perceptual else None)
        self.network = self._paired.network
        """Which distance pairs are compared by."""

    def add(self, indices: NDArray[np.int64], pixels: NDArray[np.uint8]) -> None:
        true = self._truth.pixels(self._places[indices])
        self._paired.add(to_tensor(true).to(self._device), to_tensor(pixels).to(self._device))

    def measured(self) -> Measured:
        return self._paired.measured() | Measured(protocol={"pairs": "each image and that of its name or place"})


def _partners(images: ImageSet, truth: ImageSet) -> NDArray[np.int64]:
    """Where in ``truth`` each image's partner is."""
    if len(images) != len(truth):
        raise InputError(f"evaluate.truth: {len(truth)} images cannot be the partners of {len(images)}")
    if isinstance(images, ArrayImages) or isinstance(truth, ArrayImages):
        return np.arange(len(images))
    places = {PurePosixPath(name).stem: place for place, name in enumerate(truth.ids)}
    alone = [name for name in images.ids if PurePosixPath(name).stem not in places]
    if alone or len(places) < len(truth):
        example = f"{alone[0]!r} has none" if alone else "two of its images have one name"
        raise InputError(f"evaluate.truth: images and their partners need the same names: {example}")
    return np.array([places[PurePosixPath(name).stem] for name in images.ids], dtype=np.int64)
