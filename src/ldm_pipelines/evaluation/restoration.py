"""How near restored images (super-resolution, inpainting) come to the images they were made from."""

from typing import Any

import numpy as np
import torch
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
from ldm_pipelines.evaluation.image_sets import SampleInfo, SampleSet
from ldm_pipelines.evaluation.measured import Measured
from ldm_pipelines.evaluation.paired import PairedMetrics
from ldm_pipelines.feature_networks.features import FeatureNetwork, PerceptualDistance

RESTORATION = ("low_res", "inpainting")
"""Kinds of condition from which an image is restored."""


@torch.inference_mode()
def measure_restoration(samples: SampleSet, truth: Truth, network: FeatureNetwork, *, compute: Compute) -> Measured:
    """PSNR, SSIM and perceptual distance to the true images, and for inpainting how many known pixels differ.

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
    paired, changed = PairedMetrics(PerceptualDistance(network.to(device)), border="inside"), 0
    for indices in batches(len(samples), compute, f"pairs of {samples.info.name}"):
        made, true = samples.pixels(indices), truth.pixels(indices)
        paired.add(to_tensor(true).to(device), to_tensor(made).to(device))
        if masks is not None:
            size = samples.info.image_size
            holes = np.stack([draw_mask(size, masks, image_generator("mask", name)) for name in truth.ids(indices)])
            changed += int(((made != true).any(axis=3) & ~holes).sum())
    metrics = paired.summary()
    protocol = {
        "pairs": f"each sample and its image of {truth.dataset.name}/{samples.info.split}",
        "psnr": "data range 1, mean over images",
        "ssim": "11x11 Gaussian window, sigma 1.5, where it fits, data range 1, mean over images",
        "psim": f"perceptual distance of {network.name}",
    }
    if masks is not None:
        metrics["known_pixels_changed"] = changed
        protocol["known_pixels_changed"] = "pixels outside the masks, drawn again, that differ from the true image's"
    return Measured(metrics, protocol)


def _masks(info: SampleInfo) -> Masks:
    parameters: Any = (info.conditioning or {}).get("masks")
    try:
        return Masks.model_validate(parameters)
    except ValidationError as error:
        raise InputError(
            f"samples {info.name!r}: samples.json has no parameters of the masks (conditioning.masks), so known "
            "pixels cannot be told; sample the set again"
        ) from error
