"""Which rows of the tables still match."""

from pathlib import Path

import click

from ldm_pipelines.compute import Compute
from ldm_pipelines.errors import InputError
from ldm_pipelines.reporting.tables.layout import RenderedTable


def verify_tables(reporting: Path, compute: Compute, **rendered: RenderedTable) -> None:
    """Print which rows match the code, parameters and data that are here.

    Raises:
        InputError: at least one does not.
    """
    from ldm_pipelines.verification.verify import verify

    verdict = verify(reporting, rendered, compute.progress)
    click.echo("\n".join(verdict.lines()))
    if verdict.stale:
        raise InputError(
            f"{verdict.stale} rows or tables do not match what is here; `dvc repro` makes what is stale again"
        )
