"""Images larger than those trained on: convolutional sampling under conditions that have a place (Sec. 4.3.2, 4.4)."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ldm_pipelines.autoencoders.first_stage import FirstStage
from ldm_pipelines.diffusion.conditioners.conditioner import Raw
from ldm_pipelines.diffusion.conditioning_spec import CONCATENATED
from ldm_pipelines.diffusion.model import LatentDiffusionModel
from ldm_pipelines.errors import InputError
from ldm_pipelines.sampling.condition_checks import check_conditions
from ldm_pipelines.sampling.draw import image_noise, latent_shape, under_condition
from ldm_pipelines.sampling.samplers import trajectory
from ldm_pipelines.sampling.spec import Sampler


@torch.no_grad()
def sample_large(
    model: LatentDiffusionModel,
    first_stage: FirstStage,
    raw: Raw,
    sampler: Sampler,
    *,
    seed: int,
    tile: int | None = None,
    overlap: int | None = None,
) -> Tensor:
    """Images (b, 3, h, w) in [-1, 1], not clamped, whose size is that of the conditions ``raw``.

    The UNet runs on the large latent as it is; latents are decoded in tiles of ``tile`` (default: the trained size)
    that share ``overlap`` latents (default: a quarter of a tile), so decoding takes the memory of one tile. The memory
    of the UNet's attention grows with the fourth power of the side.

    Raises:
        InputError: before sampling, where the model's condition has no place in the image, is no condition of this
            model or of a size that it can't draw, or where tiles can't share so much.
    """
    kind = model.conditioner.kind
    if kind not in CONCATENATED:
        raise InputError(
            f"{model.info.name!r} has {kind} conditioning; only models with a condition that has a place in the image "
            f"({', '.join(CONCATENATED)}) are sampled above their training size"
        )
    check_conditions(model, raw)
    tile = max(model.info.latent_shape[1:]) if tile is None else tile
    overlap = tile // 4 if overlap is None else overlap
    _check_tiles(tile, overlap)
    device = str(next(model.denoiser.parameters()).device)
    raw = {name: value.to(device) for name, value in raw.items()}
    model.conditioner.attach(first_stage, model.info.scale_factor)
    shape = latent_shape(model, raw)
    noise = image_noise(seed, range(len(next(iter(raw.values())))), shape, device)
    *_, z = trajectory(under_condition(model, raw, 1.0), noise(), model.scheduler, sampler, noise)
    decoded = tiled_decode(first_stage, z / model.info.scale_factor, tile, overlap)
    return model.conditioner.finish(decoded, raw)


@torch.no_grad()
def tiled_decode(first_stage: FirstStage, z: Tensor, tile: int, overlap: int) -> Tensor:
    """Images (b, 3, fh, fw) of unscaled latents z (b, c, h, w), decoded in tiles of ``tile`` x ``tile`` latents.

    Neighbouring tiles share ``overlap`` latents or more; there, their pixels are blended linearly. Group norms and the
    attention in the middle see one tile, so results differ a little from decoding all at once.
    """
    _check_tiles(tile, overlap)
    height, width = z.shape[-2:]
    factor = first_stage.factor
    image = torch.zeros(len(z), 3, height * factor, width * factor, device=z.device)
    weights = torch.zeros(1, 1, *image.shape[-2:], device=z.device)
    for top in _starts(height, tile, overlap):
        for left in _starts(width, tile, overlap):
            part = z[..., top : top + tile, left : left + tile]
            rows = _ramp(top, part.shape[-2], height, overlap, factor)
            columns = _ramp(left, part.shape[-1], width, overlap, factor)
            weight = torch.from_numpy(np.outer(rows, columns)).to(image)
            place = (
                ...,
                slice(top * factor, (top + part.shape[-2]) * factor),
                slice(left * factor, (left + part.shape[-1]) * factor),
            )
            image[place] += first_stage.decode(part) * weight
            weights[place] += weight
    return image / weights


def _starts(length: int, tile: int, overlap: int) -> list[int]:
    """First latents of the tiles along a side; the last tile is moved back to end with it."""
    if length <= tile:
        return [0]
    return [*range(0, length - tile, tile - overlap), length - tile]


def _ramp(start: int, size: int, length: int, overlap: int, factor: int) -> NDArray[np.float64]:
    """Weight of each pixel of a tile along a side: rises over the overlap from inner edges, 1 elsewhere."""
    pixels, shared = size * factor, max(1, overlap * factor)
    distance = np.arange(pixels) + 0.5
    rise = np.minimum(1, distance / shared) if start > 0 else np.ones(pixels)
    fall = np.minimum(1, distance[::-1] / shared) if start + size < length else np.ones(pixels)
    return rise * fall


def _check_tiles(tile: int, overlap: int) -> None:
    if tile < 1:
        raise InputError(f"tile = {tile}: tiles are of 1 latent or more; None for the trained size")
    if not 0 <= overlap < tile:
        raise InputError(f"overlap = {overlap}: tiles of {tile} latents need an overlap from 0 to {tile - 1}")
