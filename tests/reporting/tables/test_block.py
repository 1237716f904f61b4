"""Table 16: the layers that are said to be ours are those of the real block."""

from typing import Any

import torch
from diffusers.models.attention import FeedForward
from diffusers.models.attention_processor import Attention
from diffusers.models.transformers.transformer_2d import Transformer2DModel
from support.paper_study import built
from support.results import PAPER
from torch import nn

from ldm_pipelines.reporting.paper.documents import LayerTable
from ldm_pipelines.reporting.paper.loading import load_document
from ldm_pipelines.reporting.tables.block import OURS, build_block
from ldm_pipelines.reporting.tables.spec import BlockTable

CHANNELS, SIDE, TOKENS = 384, 4, 7


def run(block: Transformer2DModel) -> list[tuple[str, tuple[int, ...]]]:
    """What the block's parts are called here, in the order in which they ran, and the shapes of their outputs."""
    ran: list[tuple[str, tuple[int, ...]]] = []

    def note(name: str) -> Any:
        return lambda module, inputs, output: ran.append((name, tuple(output.shape)))

    for module in block.modules():
        if isinstance(module, nn.GroupNorm):
            module.register_forward_hook(note("GroupNorm"))
        elif isinstance(module, nn.Conv2d):
            module.register_forward_hook(note("Conv1x1"))
        elif isinstance(module, Attention):
            cross = module.to_k.in_features != module.to_q.in_features
            module.register_forward_hook(note("T x CrossAttention" if cross else "T x SelfAttention"))
        elif isinstance(module, FeedForward):
            module.register_forward_hook(note("T x MLP"))
    context = block.transformer_blocks[0].attn2.to_k.in_features
    x = torch.empty(1, CHANNELS, SIDE, SIDE, device="meta")
    block(x, encoder_hidden_states=torch.empty(1, TOKENS, context, device="meta"))
    return ran


def test_our_layers_are_those_of_the_real_block_in_their_order_and_with_their_shapes() -> None:
    denoiser = built("layout_openimages").denoiser
    block = next(
        module for module in denoiser.modules()
        if isinstance(module, Transformer2DModel) and module.proj_in.in_channels == CHANNELS
    )  # fmt: skip
    inner = block.transformer_blocks[0].attn1.inner_dim
    shapes = {
        "h x w x c": (1, CHANNELS, SIDE, SIDE),
        "h x w x (d n_h)": (1, inner, SIDE, SIDE),
        "(h w) x (d n_h)": (1, SIDE * SIDE, inner),
    }
    layers = {layer.layer: layer for layer in OURS}
    depth = len(block.transformer_blocks)
    repeated = [(layer.layer, shapes[layer.shape]) for layer in OURS if layer.layer.startswith("T x")]
    norm, conv_in, conv_out = layers["GroupNorm"], OURS[2], OURS[-1]
    expected = [(norm.layer, shapes[norm.shape]), (conv_in.layer, shapes[conv_in.shape])]
    expected += repeated * depth + [(conv_out.layer, shapes[conv_out.shape])]
    assert run(block) == expected
    assert (depth, block.norm.num_groups, block.norm.eps) == (3, 32, 1e-6)
    part = block.transformer_blocks[0]
    assert all(isinstance(norm, nn.LayerNorm) for norm in (part.norm1, part.norm2, part.norm3))
    assert part.ff.net[0].proj.out_features == 8 * inner  # GEGLU: gate and value, each of expansion 4


def test_the_names_of_the_three_layers_that_are_not_the_printed_ones_are_marked_and_equal_shapes_are_not() -> None:
    paper = load_document(PAPER / "table_16.yaml")
    assert isinstance(paper, LayerTable)
    table = BlockTable(name="table_16", kind="block", suite="hyperparameters", second_suite="hyperparameters")
    built_table = build_block(table, paper, study="paper")
    ours = [line for line in built_table.lines if line.ours]
    marked = [line.heading for line in ours if line.heading != line.method]
    assert marked == ["≠ GroupNorm", "≠ T x CrossAttention", "≠ T x MLP"]
    assert [line.cells[0].text for line in ours] == [row.shape for row in paper.rows]
    assert not any(line.cells[0].differs for line in ours)
    assert [line.method for line in built_table.lines if not line.ours] == [row.layer for row in paper.rows]
