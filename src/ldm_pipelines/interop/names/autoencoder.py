"""First stages: ``AutoencoderKL`` and ``VQModel`` of the original and of diffusers."""

import re

from torch import nn

from ldm_pipelines.interop.convert import Source

ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}
RENAMED = {"conv_shortcut": "nin_shortcut", "conv_norm_out": "norm_out"}
BLOCKS = {"resnets": "block", "attentions": "attn"}
MIDDLE = {"resnets.0": "mid.block_1", "attentions.0": "mid.attn_1", "resnets.1": "mid.block_2"}
PLACE = re.compile(r"(encoder|decoder)\.(?:(down|up)_blocks\.(\d+)|mid_block)\.(\w+)\.(\d+)\.(.+)")


def autoencoder_sources(model: nn.Module) -> dict[str, Source]:
    """For every parameter of ``model`` its original tensor. The original's decoder counts levels from the image."""
    names = list(model.state_dict())
    levels = 1 + max(int(found[3]) for found in map(PLACE.match, names) if found and found[3])
    return {name: Source(_original(name, levels)) for name in names}


def _original(name: str, levels: int) -> str:
    place = PLACE.match(name)
    if not place:
        return _renamed(name)
    side, way, level, kind, number, inside = place.groups()
    owner, _, leaf = inside.rpartition(".")
    if way is None:
        return f"{side}.{MIDDLE[f'{kind}.{number}']}.{_inside(kind, owner)}.{leaf}"
    original_level = int(level) if way == "down" else levels - 1 - int(level)
    if kind in BLOCKS:
        return f"{side}.{way}.{original_level}.{BLOCKS[kind]}.{number}.{_inside(kind, owner)}.{leaf}"
    return f"{side}.{way}.{original_level}.{kind.removesuffix('rs')}.{owner}.{leaf}"  # downsamplers.0 -> downsample


def _inside(kind: str, owner: str) -> str:
    return ATTENTION[owner] if kind == "attentions" else RENAMED.get(owner, owner)


def _renamed(name: str) -> str:
    return ".".join(RENAMED.get(part, part) for part in name.split("."))
