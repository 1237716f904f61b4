"""The UNet of Sec. 3.3, as diffusers builds it."""

import json
from pathlib import Path
from typing import Any

import torch
from diffusers import UNet2DConditionModel, UNet2DModel
from torch import Tensor, nn

from ldm_pipelines.diffusion.conditioners.conditioner import Condition
from ldm_pipelines.diffusion.spec import Denoiser
from ldm_pipelines.diffusion.unet import HeadsUNet2DModel
from ldm_pipelines.errors import InputError, near_miss

DENOISERS: dict[str, Any] = {
    denoiser.__name__: denoiser for denoiser in (UNet2DModel, HeadsUNet2DModel, UNet2DConditionModel)
}


def build_denoiser(
    spec: Denoiser, latent_shape: tuple[int, int, int], *, context_dim: int, concat_channels: int
) -> nn.Module:
    """A new denoiser of latents (c, h, w), weights from PyTorch's global generator.

    ``concat_channels`` join the latent's c at the input; with ``spec.transformer_depth`` it attends to tokens of
    ``context_dim`` channels.

    Raises:
        InputError: the heads don't divide an attending level, or cross-attention and ``resblock_updown`` are combined.
    """
    channels, height, width = latent_shape
    _check(spec)
    shared: dict[str, Any] = {
        "sample_size": height if height == width else (height, width),
        "in_channels": channels + concat_channels,
        "out_channels": channels,
        "block_out_channels": spec.block_out_channels,
        "layers_per_block": spec.layers_per_block,
        "norm_num_groups": spec.norm_num_groups,
        "resnet_time_scale_shift": "scale_shift" if spec.scale_shift_norm else "default",
    }
    return _with_transformers(spec, shared, context_dim) if spec.transformer_depth else _plain(spec, shared)


def _with_transformers(spec: Denoiser, shared: dict[str, Any], context_dim: int) -> nn.Module:
    return UNet2DConditionModel(
        **shared,
        down_block_types=_blocks(spec, "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=_blocks(spec, "CrossAttnUpBlock2D", "UpBlock2D")[::-1],
        cross_attention_dim=context_dim,
        transformer_layers_per_block=spec.transformer_depth,
        # diffusers calls this "attention_head_dim" but reads it as the number of heads
        attention_head_dim=tuple(spec.heads_of(width) for width in spec.block_out_channels),
    )


def _plain(spec: Denoiser, shared: dict[str, Any]) -> nn.Module:
    resampling = "resnet" if spec.resblock_updown else "conv"
    # diffusers' DownBlock2D and UpBlock2D ignore the type of resampling
    down, up = (
        ("ResnetDownsampleBlock2D", "ResnetUpsampleBlock2D") if spec.resblock_updown else ("DownBlock2D", "UpBlock2D")
    )
    shared = {
        **shared,
        "down_block_types": _blocks(spec, "AttnDownBlock2D", down),
        "up_block_types": _blocks(spec, "AttnUpBlock2D", up)[::-1],
        "downsample_type": resampling,
        "upsample_type": resampling,
        "attn_norm_num_groups": spec.norm_num_groups,  # diffusers' middle has no norm beside scale-shift otherwise
    }
    if spec.heads:
        return HeadsUNet2DModel(num_heads=spec.heads, attention_head_dim=None, **shared)
    return UNet2DModel(attention_head_dim=spec.head_channels, **shared)


def _blocks(spec: Denoiser, attending: str, other: str) -> tuple[str, ...]:
    return tuple(attending if attends else other for attends in spec.attention)


def _check(spec: Denoiser) -> None:
    if spec.transformer_depth and spec.resblock_updown:
        raise InputError("denoiser.resblock_updown: diffusers has no such blocks with cross-attention; false")
    key = "heads" if spec.heads else "head_channels"
    part = spec.heads or spec.head_channels or 1
    attends = (*spec.attention[:-1], True)  # the middle has the width of the last level
    for width, attending in zip(spec.block_out_channels, attends, strict=True):
        if attending and width % part:
            raise InputError(f"denoiser.{key}: {part} does not divide the {width} of block_out_channels")


def load_denoiser(folder: Path) -> nn.Module:
    """The denoiser saved in ``folder`` by ``save_pretrained``, in evaluation mode.

    Raises:
        InputError: the folder holds no denoiser of a known class.
    """
    try:
        name = json.loads((folder / "config.json").read_text())["_class_name"]
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{folder} is not a denoiser ({error})") from error
    if name not in DENOISERS:
        raise InputError(f"{folder}: unknown denoiser {name!r}{near_miss(str(name), DENOISERS)}")
    try:
        denoiser: nn.Module = DENOISERS[name].from_pretrained(folder, local_files_only=True, low_cpu_mem_usage=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{folder} is not a finished denoiser ({error})") from error
    return denoiser.eval()


def denoise(denoiser: nn.Module, x: Tensor, t: Tensor, condition: Condition) -> Tensor:
    """The output (b, c, h, w) for x (b, c, h, w) at the time steps t, (b,) or a scalar, under a condition."""
    if "concat" in condition:
        x = torch.cat([x, condition["concat"]], dim=1)
    tokens = {"encoder_hidden_states": condition["crossattn"]} if "crossattn" in condition else {}
    output: Tensor = denoiser(x, t, return_dict=False, **tokens)[0]
    return output
