"""What a restoration model has to beat: images made from the same conditions without a model."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import distance_transform_edt

from ldm_pipelines.compute import Compute
from ldm_pipelines.data.tensors import to_pixels
from ldm_pipelines.diffusion.conditioners.conditioner import Conditioner, Raw
from ldm_pipelines.diffusion.conditioners.inpainting import InpaintingConditioner
from ldm_pipelines.diffusion.conditioners.low_res import LowResConditioner
from ldm_pipelines.diffusion.conditioning_spec import InpaintingConditioning, LowResConditioning
from ldm_pipelines.errors import InputError
from ldm_pipelines.sampling.conditions import DatasetConditions
from ldm_pipelines.sampling.sample_set import SampleSetWriter
from ldm_pipelines.sampling.spec import RESTORED, Baseline

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]


def make_baseline(
    spec: Baseline,
    conditioning: LowResConditioning | InpaintingConditioning,
    dataset_folder: Path,
    *,
    workspace: Path,
    compute: Compute,
) -> Path:
    """Write a sample set of ``spec.count`` images and return its folder; nothing is random, so there is no seed.

    Image i is made from the condition that a model with this ``conditioning`` gets for its image i.

    Raises:
        InputError: the baseline does not fit the conditioning.
    """
    wanted = RESTORED[spec.kind]
    if conditioning.kind != wanted:
        raise InputError(
            f"baselines.{spec.name}: {spec.kind} restores images of {wanted} conditioning, but the model "
            f"{spec.ldm!r} has {conditioning.kind}"
        )
    conditions = DatasetConditions(_conditioner(conditioning), dataset_folder, spec.split, spec.count)
    restore = _restorer(spec.kind, conditions.dataset.image_size)
    images = SampleSetWriter(workspace, spec.name, spec.count)
    images.fill(lambda indices: restore(conditions.raw(indices)), compute, what="baseline")
    conditions.save_grid(images.folder / "grid.png", images)
    info: dict[str, Any] = spec.model_dump(mode="json") | {
        "seed": 0,
        "classes": [],
        "conditioning": conditioning.model_dump(mode="json"),
        "n_params": 0,
        "dataset_digest": conditions.dataset.digest,
    }
    return images.describe(conditions.labels, conditions.ids, info)


def upsampled(low_res: Pixels, size: int) -> Pixels:
    """An image (h, w, 3) at ``size`` x ``size``, by Pillow's bicubic filter."""
    return np.asarray(Image.fromarray(low_res).resize((size, size), Image.Resampling.BICUBIC))


def mean_fill(image: Pixels, hole: Mask) -> Pixels:
    """An image (h, w, 3) whose ``hole`` (h, w) has the mean colour of the known pixels; grey if none is known."""
    mean = image[~hole].mean(axis=0) if not hole.all() else np.full(3, 127.5)
    return np.where(hole[..., None], np.rint(mean).astype(np.uint8), image)


def nearest_fill(image: Pixels, hole: Mask) -> Pixels:
    """An image (h, w, 3) whose ``hole`` (h, w) repeats the nearest known pixels; grey if none is known."""
    if hole.all():
        return mean_fill(image, hole)
    rows, columns = distance_transform_edt(hole, return_distances=False, return_indices=True)
    filled: Pixels = image[rows, columns]
    return filled


def _conditioner(conditioning: LowResConditioning | InpaintingConditioning) -> Conditioner:
    """Reads the conditions; nothing is encoded, so latents need not be known."""
    if isinstance(conditioning, LowResConditioning):
        return LowResConditioner(conditioning.degradation)
    return InpaintingConditioner(latent_channels=0, factor=1, masks=conditioning.masks)


def _restorer(kind: str, size: int) -> Callable[[Raw], Pixels]:
    if kind == "upsampled":
        return lambda raw: np.stack([upsampled(pixels, size) for pixels in to_pixels(raw["low_res"])])
    fill = {"mean_fill": mean_fill, "nearest_fill": nearest_fill}[kind]
    return lambda raw: np.stack(
        [
            fill(image, hole)
            for image, hole in zip(to_pixels(raw["image"]), raw["mask"][:, 0].numpy() > 0.5, strict=True)
        ]
    )
