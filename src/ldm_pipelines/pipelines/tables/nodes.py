"""Tables of the paper and the report, from stored metrics. PyTorch is not imported here."""

from pathlib import Path
from typing import Any

from ldm_pipelines.compute import Compute
from ldm_pipelines.reporting.paper.documents import PaperTable
from ldm_pipelines.reporting.tables.layout import RenderedTable
from ldm_pipelines.reporting.tables.spec import Table


def render_table(table: Table, study: str, paper: PaperTable, **results: dict[str, Any]) -> RenderedTable:
    """The paper's rows with ours beside them."""
    from ldm_pipelines.reporting.tables.build import build

    return build(table, paper, results, study=study)


def write_table(rendered: RenderedTable, compute: Compute) -> Path:
    """A folder with the table as Markdown, LaTeX, CSV, HTML and plain text."""
    from ldm_pipelines.reporting.tables.build import write

    folder = compute.workspace / "tables" / rendered.name / "artefact"
    write(rendered, folder)
    return folder


def write_report(
    study: str,
    samples: dict[str, Any],
    baselines: dict[str, Any],
    ldms: dict[str, Any],
    autoencoders: dict[str, Any],
    evaluations: dict[str, Any],
    grids: Path,
    metrics: Path,
    compute: Compute,
    **rendered: RenderedTable,
) -> Path:
    """One self-contained page with every table, picture and measured obedience of the study."""
    from ldm_pipelines.reporting.pages.report import write_study_report

    folder = compute.workspace / "report" / study / "artefact"
    entities = {
        "samples": samples, "baselines": baselines, "ldms": ldms, "autoencoders": autoencoders,
        "evaluations": evaluations,
    }  # fmt: skip
    write_study_report(list(rendered.values()), grids, entities, folder, study=study, metrics=metrics)
    return folder
