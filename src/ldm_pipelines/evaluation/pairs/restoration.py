"""How near restored images (super-resolution, inpainting) come to the images they were made from."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from ldm_pipelines.compute import Compute
from ldm_pipelines.data.masks import draw_mask
from ldm_pipelines.data.randomness import image_generator
from ldm_pipelines.data.spec import Masks
from ldm_pipelines.data.tensors import to_tensor
from ldm_pipelines.errors import InputError
from ldm_pipelines.evaluation.images.sample_sets import SampleInfo, SampleSet
from ldm_pipelines.evaluation.measured import Measured
from ldm_pipelines.evaluation.pairs.metrics import PairedMetrics
from ldm_pipelines.evaluation.pairs.truth import Truth
from ldm_pipelines.feature_networks.features import PerceptualDistance

RESTORATION = ("low_res", "inpainting")
"""Kinds of condition from which an image is restored."""
BINS = 10


class RestoredImages:
    """PSNR, SSIM and perceptual distance to the true images; for inpainting also by the part that was masked, and how
    many known pixels differ. An ``Onlooker`` of the samples."""

    def __init__(self, samples: SampleSet, truth: Truth, perceptual: PerceptualDistance, *, compute: Compute) -> None:
        """Raises ``InputError`` where the masks are not known."""
        info = samples.info
        self._info, self._truth = info, truth
        self._masks = _masks(info) if info.condition_kind == "inpainting" else None
        self._device = compute.torch_device()
        self._paired = PairedMetrics(perceptual.to(self._device))
        self.network = self._paired.network
        """Which distance pairs are compared by."""
        self._changed, self._areas = 0, [np.zeros(0)]

    def add(self, indices: NDArray[np.int64], pixels: NDArray[np.uint8]) -> None:
        true = self._truth.pixels(indices)
        self._paired.add(to_tensor(true).to(self._device), to_tensor(pixels).to(self._device))
        if self._masks is not None:
            holes = np.stack([
                draw_mask(self._info.image_size, self._masks, image_generator("mask", name))
                for name in self._truth.ids(indices)
            ])  # fmt: skip
            self._changed += int(((pixels != true).any(axis=3) & ~holes).sum())
            self._areas.append(holes.mean(axis=(1, 2)))

    def masked_part(self) -> NDArray[np.float64] | None:
        """The share of each image that was masked, (n,); None where nothing was."""
        return None if self._masks is None else np.concatenate(self._areas)

    def measured(self) -> Measured:
        found = self._paired.measured()
        found |= Measured(
            protocol={"pairs": f"each sample and its image of {self._truth.dataset.name}/{self._info.split}"}
        )
        areas = self.masked_part()
        if areas is None:
            return found
        return found | Measured(
            {"known_pixels_changed": self._changed},
            {"known_pixels_changed": "pixels outside the masks, drawn again, that differ from the true image's"},
            {"by_masked_part": _by_masked_part(areas, self._paired.values())},
        )


def _by_masked_part(areas: NDArray[np.float64], values: dict[str, NDArray[np.float64]]) -> list[dict[str, float]]:
    """Means and population standard deviations of the images whose masked part lies in each tenth, as in LaMa's
    evaluation; bins without images left out.

    A part on a bin's edge belongs to the bin above it; the last bin includes 1.
    """
    bins = bins_of(areas)
    return [
        {"from": bin / BINS, "to": (bin + 1) / BINS, "images": int((bins == bin).sum())}
        | {name: float(numbers[bins == bin].mean()) for name, numbers in values.items()}
        | {f"{name}_std": float(numbers[bins == bin].std()) for name, numbers in values.items()}
        for bin in np.unique(bins).tolist()
    ]


def bins_of(areas: NDArray[np.float64]) -> NDArray[np.int64]:
    """The tenth in which each masked part lies."""
    return np.minimum((areas * BINS).astype(np.int64), BINS - 1)


def _masks(info: SampleInfo) -> Masks:
    parameters: Any = (info.conditioning or {}).get("masks")
    try:
        return Masks.model_validate(parameters)
    except ValidationError as error:
        raise InputError(
            f"samples {info.name!r}: samples.json has no parameters of the masks (conditioning.masks), so known "
            "pixels cannot be told; sample the set again"
        ) from error
