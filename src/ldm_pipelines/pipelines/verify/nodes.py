"""Which rows of the tables, and which figures, still match."""

from pathlib import Path
from typing import Any

import click
from pydantic_core import to_jsonable_python

from ldm_pipelines.compute import Compute
from ldm_pipelines.errors import InputError
from ldm_pipelines.reporting.tables.layout import RenderedTable


def verify_study(reporting: Path, parameters: dict[str, Any], compute: Compute, **rendered: RenderedTable) -> None:
    """Print which rows and figures match the code, parameters and data that are here.

    Raises:
        InputError: at least one does not.
    """
    from ldm_pipelines.config.study import Study, read_study
    from ldm_pipelines.verification.records import parameters_of
    from ldm_pipelines.verification.verify import verify

    plain = to_jsonable_python(parameters)  # Kedro puts models in place of what other nodes of the run take as such
    study = read_study({key: plain[key] for key in Study.model_fields}, "params.yaml")
    verdict = verify(reporting, rendered, parameters_of(study), compute.progress)
    click.echo("\n".join(verdict.lines()))
    if verdict.stale:
        raise InputError(
            f"{verdict.stale} rows, tables or figures do not match what is here; `dvc repro` makes what is stale again"
        )
