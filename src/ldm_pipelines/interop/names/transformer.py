"""The text and layout transformer: ``TransformerWrapper`` of the original, ``LDMBertModel`` of diffusers."""

import re

from torch import nn

from ldm_pipelines.interop.convert import Source

OUTSIDE = {
    "model.embed_tokens": "token_emb",
    "model.embed_positions": "pos_emb.emb",
    "model.layer_norm": "norm",
    "to_logits": "to_logits",
}
ATTENTION = {
    "self_attn_layer_norm": "0",
    "self_attn.q_proj": "1.to_q",
    "self_attn.k_proj": "1.to_k",
    "self_attn.v_proj": "1.to_v",
    "self_attn.out_proj": "1.to_out",
}
FEED_FORWARD = {"final_layer_norm": "0", "fc1": "1.net.0.0", "fc2": "1.net.2"}
LAYER = re.compile(r"model\.layers\.(\d+)\.(.+)")


def transformer_sources(model: nn.Module) -> dict[str, Source]:
    """For every parameter of an ``LDMBertModel`` its original tensor, relative to ``transformer.``.

    The original counts attention and feed-forward as two layers.
    """
    return {name: Source(_original(name)) for name in model.state_dict()}


def _original(name: str) -> str:
    owner, _, leaf = name.rpartition(".")
    layer = LAYER.match(owner)
    if not layer:
        return f"{OUTSIDE[owner]}.{leaf}"
    number, inside = int(layer[1]), layer[2]
    if inside in ATTENTION:
        return f"attn_layers.layers.{2 * number}.{ATTENTION[inside]}.{leaf}"
    return f"attn_layers.layers.{2 * number + 1}.{FEED_FORWARD[inside]}.{leaf}"
