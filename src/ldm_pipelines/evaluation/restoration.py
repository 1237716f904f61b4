"""How near restored images (super-resolution, inpainting) come to the images they were made from."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ValidationError

from ldm_pipelines.autoencoders.paired import WINDOW
from ldm_pipelines.compute import Compute
from ldm_pipelines.data.masks import draw_mask
from ldm_pipelines.data.randomness import image_generator
from ldm_pipelines.data.spec import Masks
from ldm_pipelines.data.tensors import to_tensor
from ldm_pipelines.errors import InputError
from ldm_pipelines.evaluation.conditions import Truth
from ldm_pipelines.evaluation.features import batches
from ldm_pipelines.evaluation.images.sample_sets import SampleInfo, SampleSet
from ldm_pipelines.evaluation.measured import Measured
from ldm_pipelines.evaluation.paired import PairedMetrics
from ldm_pipelines.feature_networks.features import PerceptualDistance

RESTORATION = ("low_res", "inpainting")
"""Kinds of condition from which an image is restored."""
BINS = 10


@torch.inference_mode()
def measure_restoration(
    samples: SampleSet, truth: Truth, perceptual: PerceptualDistance, *, compute: Compute
) -> Measured:
    """PSNR, SSIM and perceptual distance to the true images; for inpainting also by the part that was masked, and how
    many known pixels differ.

    Raises:
        InputError: an image cannot be read, is too small for SSIM, or the masks are not known.
    """
    masks = _masks(samples.info) if samples.info.condition_kind == "inpainting" else None
    if samples.info.image_size < WINDOW:
        raise InputError(
            f"samples {samples.info.name!r}: SSIM needs images of {WINDOW} pixels or more, not "
            f"{samples.info.image_size}"
        )
    device = compute.torch_device()
    paired, changed, areas = PairedMetrics(perceptual.to(device), border="inside"), 0, [np.zeros(0)]
    for indices in batches(len(samples), compute, f"pairs of {samples.info.name}"):
        made, true = samples.pixels(indices), truth.pixels(indices)
        paired.add(to_tensor(true).to(device), to_tensor(made).to(device))
        if masks is not None:
            size = samples.info.image_size
            holes = np.stack([draw_mask(size, masks, image_generator("mask", name)) for name in truth.ids(indices)])
            changed += int(((made != true).any(axis=3) & ~holes).sum())
            areas.append(holes.mean(axis=(1, 2)))
    found = paired.measured()
    found |= Measured(protocol={"pairs": f"each sample and its image of {truth.dataset.name}/{samples.info.split}"})
    if masks is None:
        return found
    return found | Measured(
        {"known_pixels_changed": changed},
        {"known_pixels_changed": "pixels outside the masks, drawn again, that differ from the true image's"},
        {"by_masked_part": _by_masked_part(np.concatenate(areas), paired.values())},
    )


def _by_masked_part(areas: NDArray[np.float64], values: dict[str, NDArray[np.float64]]) -> list[dict[str, float]]:
    """Means of the images whose masked part lies in each tenth, as in LaMa's evaluation; bins without images left out.

    A part on a bin's edge belongs to the bin above it; the last bin includes 1.
    """
    bins = np.minimum((areas * BINS).astype(int), BINS - 1)
    return [
        {"from": bin / BINS, "to": (bin + 1) / BINS, "images": int((bins == bin).sum())}
        | {name: float(numbers[bins == bin].mean()) for name, numbers in values.items()}
        for bin in np.unique(bins).tolist()
    ]


def _masks(info: SampleInfo) -> Masks:
    parameters: Any = (info.conditioning or {}).get("masks")
    try:
        return Masks.model_validate(parameters)
    except ValidationError as error:
        raise InputError(
            f"samples {info.name!r}: samples.json has no parameters of the masks (conditioning.masks), so known "
            "pixels cannot be told; sample the set again"
        ) from error
