"""The UNet: ``UNetModel`` of the original, ``UNet2DModel`` and ``UNet2DConditionModel`` of diffusers."""

import re
from typing import Any

from torch import nn

from ldm_pipelines.interop.convert import Source

RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
ATTENTION = {"group_norm": "norm", "to_out.0": "proj_out"}
FUSED = ("to_q", "to_k", "to_v")
OUTSIDE = {
    "conv_in": "input_blocks.0.0",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
MIDDLE = {"resnets.0": "middle_block.0", "attentions.0": "middle_block.1", "resnets.1": "middle_block.2"}
PLACE = re.compile(r"(down|up)_blocks\.(\d+)\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)\.(.+)")


def unet_sources(unet: nn.Module) -> dict[str, Source]:
    """For every parameter of ``unet`` its original tensor.

    The original numbers blocks and resamplers through: one block is a residual block (``.0``), its attention (``.1``)
    and, in the last block of a level on the way up, the resampler behind them. Heads are read from the network itself,
    so that the fused queries, keys and values are split as the network will use them.
    """
    names = list(unet.state_dict())
    places = [place for place in map(PLACE.match, names) if place]
    per_level = 1 + max(int(place[4]) for place in places if place[1] == "down")
    attending = {place[2] for place in places if place[1] == "up" and place[3] == "attentions"}
    sources = {}
    for name in names:
        place = PLACE.match(name)
        if place:
            block, inside = _block(place, per_level, attending), place[5]
            module = name.removesuffix(inside).removesuffix(".")
        elif name.startswith("mid_block."):
            kind, number, inside = name.removeprefix("mid_block.").split(".", 2)
            block, module = MIDDLE[f"{kind}.{number}"], f"mid_block.{kind}.{number}"
        else:
            owner, _, leaf = name.rpartition(".")
            sources[name] = Source(f"{OUTSIDE[owner]}.{leaf}")
            continue
        sources[name] = _inside(block, inside, unet.get_submodule(module))
    return sources


def _block(place: re.Match[str], per_level: int, attending: set[str]) -> str:
    """The original's name of a residual block, an attention or a resampler."""
    way, level, kind, number = place[1], int(place[2]), place[3], int(place[4])
    if way == "down":
        if kind == "downsamplers":
            return f"input_blocks.{(level + 1) * (per_level + 1)}.0"
        return f"input_blocks.{1 + level * (per_level + 1) + number}.{int(kind == 'attentions')}"
    if kind == "upsamplers":
        return f"output_blocks.{level * (per_level + 1) + per_level}.{2 if place[2] in attending else 1}"
    return f"output_blocks.{level * (per_level + 1) + number}.{int(kind == 'attentions')}"


def _inside(block: str, inside: str, module: Any) -> Source:
    """A parameter within a block."""
    owner, _, leaf = inside.rpartition(".")
    if owner in RESNET:
        return Source(f"{block}.{RESNET[owner]}.{leaf}")
    if owner == "conv":  # a plain resampler: the original's Downsample calls its convolution "op"
        return Source(f"{block}.{'op' if block.startswith('input') else 'conv'}.{leaf}")
    if owner in FUSED:
        return Source(f"{block}.qkv.{leaf}", FUSED.index(owner), int(module.heads))
    return Source(f"{block}.{ATTENTION.get(owner, owner)}.{leaf}")  # spatial transformers have the same names
