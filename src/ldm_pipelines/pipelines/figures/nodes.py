"""Figures of the paper from stored metrics. PyTorch is not imported here."""

from pathlib import Path
from typing import Any

from ldm_pipelines.compute import Compute
from ldm_pipelines.reporting.figures.spec import Figure
from ldm_pipelines.reporting.paper.documents import Figures


def draw_figure(figure: Figure, study: str, paper: Figures, compute: Compute, **results: dict[str, Any]) -> Path:
    """A folder with the figure as SVG and PNG, its numbers as CSV, and what is said about it as JSON."""
    from ldm_pipelines.reporting.figures.build import build

    folder = compute.workspace / "figures" / figure.name / "artefact"
    build(figure, results, paper, folder, study=study)
    return folder
