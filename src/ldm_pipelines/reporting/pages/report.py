"""The report of a study: its tables, and the pictures and figures that its stages left."""

from collections.abc import Sequence
from pathlib import Path

from ldm_pipelines.reporting.pages.gallery import Entities, pictures
from ldm_pipelines.reporting.pages.page import write_report
from ldm_pipelines.reporting.pages.targets import read_metrics, target_figures
from ldm_pipelines.reporting.tables.layout import RenderedTable


def write_study_report(
    tables: Sequence[RenderedTable],
    grids: Path,
    entities: Entities,
    folder: Path,
    *,
    study: str,
    metrics: Path | None = None,
) -> Path:
    """``index.html`` in ``folder``: self-contained, with the pictures ``grids/KIND/NAME.png`` that there are.

    ``entities`` are the study's parameters by kind (samples, baselines, ldms, autoencoders, evaluations) and name.
    ``metrics``: where the evaluations' results lie, ``SUITE/NAME.json``; without it there are no figures on targets.
    """
    results = read_metrics(metrics, entities.get("evaluations", {})) if metrics else []
    return write_report(
        folder,
        title=f"Latent diffusion: the {study} study",
        introduction=(
            "Tables of Rombach et al., High-Resolution Image Synthesis with Latent Diffusion Models (CVPR 2022), with "
            f"the rows that the {study} study of this project measured. Figures measured with another feature network, "
            "dataset or number of samples than the paper's are not comparable with the paper's; each row's note says "
            "what differs."
        ),
        tables=tables,
        pictures=list(pictures(grids, entities)),
        key_figures=list(target_figures(results)),
    )
