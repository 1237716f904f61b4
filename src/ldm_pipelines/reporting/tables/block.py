"""Table 16: the transformer block as printed, and as it is built here (by diffusers) and in the release."""

from ldm_pipelines.reporting.paper.documents import Layer, LayerTable
from ldm_pipelines.reporting.tables.layout import Cell, Heading, Line, RenderedTable
from ldm_pipelines.reporting.tables.settings import DIFFERS
from ldm_pipelines.reporting.tables.spec import BlockTable

OURS = (
    Layer(layer="input", shape="h x w x c"),
    Layer(layer="GroupNorm", shape="h x w x c"),
    Layer(layer="Conv1x1", shape="h x w x (d n_h)"),
    Layer(layer="Reshape", shape="(h w) x (d n_h)"),
    Layer(layer="T x SelfAttention", shape="(h w) x (d n_h)"),
    Layer(layer="T x CrossAttention", shape="(h w) x (d n_h)"),
    Layer(layer="T x MLP", shape="(h w) x (d n_h)"),
    Layer(layer="Reshape", shape="h x w x (d n_h)"),
    Layer(layer="Conv1x1", shape="h x w x c"),
)
"""Ours, held against the real block by a test."""
DETAILS = (
    "Ours: each of self-attention, cross-attention and MLP stands behind a LayerNorm of its own and is added to its "
    "input, and the input of the whole block is added to its output; the MLP is a GEGLU of expansion 4."
)


def build_block(table: BlockTable, paper: LayerTable, *, study: str = "") -> RenderedTable:
    """The printed layers in order, then ours; where ours is another layer than the printed one, it is marked."""
    printed = [Line(row.layer, (Cell(row.shape),), group="as printed") for row in paper.rows]
    ours = []
    for position, layer in enumerate(OURS):
        theirs = paper.rows[position] if position < len(paper.rows) else Layer(layer="none", shape="none")
        title, _ = _marked(layer.layer, theirs.layer)
        shape, differs = _marked(layer.shape, theirs.shape)
        ours.append(Line(layer.layer, (Cell(shape, differs=differs),), "as built", ours=True, study=study, title=title))
    return RenderedTable(
        name=table.name, number=paper.table, title=paper.title, stub="Layer",
        headings=(Heading("shape", "output shape", None),), lines=(*printed, *ours), footnotes=(),
        remarks=(f"{DIFFERS} marks a layer of ours that is not the printed one.", DETAILS,
                 *(f"Released code: {text}" for text in paper.code_differs)),
    )  # fmt: skip


def _marked(ours: str, printed: str) -> tuple[str, bool]:
    """What is ours with a mark where it is not the printed one, and whether it is marked."""
    return (ours, False) if ours == printed else (f"{DIFFERS} {ours}", True)
