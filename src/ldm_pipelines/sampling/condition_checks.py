"""Whether a model can draw under conditions that someone made by hand, told before anything is drawn."""

from collections.abc import Sequence

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor

from ldm_pipelines.diffusion.conditioners.conditioner import Raw
from ldm_pipelines.diffusion.model import LatentDiffusionModel
from ldm_pipelines.errors import InputError
from ldm_pipelines.sampling.draw import latent_shape


def check_conditions(
    model: LatentDiffusionModel, raw: Raw, *, count: int | None = None, image_size: tuple[int, int] | None = None
) -> None:
    """Refuse conditions of other names, dimensions, classes or sizes than the model can draw under.

    ``count`` and ``image_size`` (h, w): of the images that the conditions are for; None: whatever they say.

    Raises:
        InputError: before anything is drawn, where drawing would fail or give another size than asked for.
    """
    kind, model_name = model.conditioner.kind, model.info.name
    for name, form in model.conditioner.forms.items():
        if name not in raw:
            found = ", ".join(map(repr, raw)) or "nothing"
            raise InputError(f"{model_name!r} has {kind} conditioning: it needs {name!r} ({form}), but got {found}")
        value = raw[name]
        if value.ndim != len(form.split(", ")):
            raise InputError(f"{name!r} is of shape {tuple(value.shape)}, but {kind} conditioning needs ({form})")
        count = len(value) if count is None else count
        if len(value) != count:
            raise InputError(f"{name!r} has {len(value)} conditions for {count} images: one for each")
        if form.endswith("h, w"):
            size = (value.shape[-2], value.shape[-1])
            pixels = check_size(model, size, name, scale=_scale(model, raw) if kind == "low_res" else 1)
            image_size = image_size or pixels
            if pixels != image_size:
                raise InputError(f"{name!r} is for images of {_by(pixels)}, but others are {_by(image_size)} pixels")
    if kind == "semantic":
        _check_map(raw["map"], len(model.conditioner.config()["classes"]), model_name)


def check_size(model: LatentDiffusionModel, size: tuple[int, int], what: str, scale: int = 1) -> tuple[int, int]:
    """(h, w) of the images that fit ``what`` of this size (h, w), which is ``scale`` times smaller.

    Raises:
        InputError: the first stage or the UNet can't halve them as often as it does.
    """
    height, width = size[0] * scale, size[1] * scale
    factor = model.info.factor
    multiple = factor
    if not isinstance(model.denoiser, UNet2DConditionModel):  # that one fits what it enlarges to what it halved
        multiple *= 2 ** (len(model.denoiser.config.block_out_channels) - 1)
    nearest = [max(1, (side + multiple // 2) // multiple) * multiple for side in (height, width)]
    if nearest != [height, width]:
        latent = height // factor, width // factor
        raise InputError(
            f"{what!r} of {_by(size)} asks for latents of {_by(latent)}, which are images of "
            f"{_by([side * factor for side in latent])}: {model.info.name!r} makes images with sides that are "
            f"multiples of {multiple} pixels; the nearest is {_by(nearest)}"
            + (f", {scale} times the size of {what!r}" if scale > 1 else "")
        )
    return height, width


def _scale(model: LatentDiffusionModel, raw: Raw) -> int:
    """How many times larger images are than their low-resolution conditions."""
    return latent_shape(model, raw)[1] * model.info.factor // max(1, raw["low_res"].shape[2])


def _check_map(classes: Tensor, known: int, model_name: str) -> None:
    if classes.dtype != torch.int64:
        raise InputError(f"'map' is of {classes.dtype}, but class numbers are torch.int64")
    strange = sorted(set(classes[(classes < 0) | (classes >= known)].tolist()))
    if strange:
        raise InputError(
            f"'map' has class {', '.join(map(str, strange[:5]))}, but {model_name!r} knows classes 0 to {known - 1}"
        )


def _by(size: Sequence[int]) -> str:
    return " x ".join(map(str, size))
