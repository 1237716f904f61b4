"""Results of five LDMs and of first stages, the paper's facts, and figures of each kind."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.figure_results import figure, stored_results

from ldm_pipelines.reporting.figures.build import build
from ldm_pipelines.reporting.figures.figure_file import FigureFile
from ldm_pipelines.reporting.figures.spec import Kind
from ldm_pipelines.reporting.paper.documents import Figures
from ldm_pipelines.reporting.paper.loading import load_figures

Make = Callable[..., FigureFile]


@pytest.fixture
def results() -> dict[str, dict[str, Any]]:
    return stored_results()


@pytest.fixture(scope="session")
def paper() -> Figures:
    return load_figures(Path(__file__).parents[3] / "conf" / "paper" / "figures.yaml")


@pytest.fixture
def make(results: dict[str, Any], paper: Figures, tmp_path: Path) -> Make:
    """``make(kind, **changes)``: the finished figure of ``results`` as they are then, in ``tmp_path / NAME``."""

    def made(kind: Kind, folder: Path | None = None, **changes: Any) -> FigureFile:
        wanted = figure(kind, **changes)
        return build(wanted, results, paper, (folder or tmp_path) / wanted.name, study="miniature")

    return made
