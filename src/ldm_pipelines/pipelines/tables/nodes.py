"""Tables of the paper and the report, from stored metrics. PyTorch is not imported here."""

from pathlib import Path
from typing import Any

from pydantic_core import to_jsonable_python

from ldm_pipelines.compute import Compute
from ldm_pipelines.errors import InputError
from ldm_pipelines.reporting.paper.documents import HyperparameterTable, LayerTable, PaperTable, Unreadable
from ldm_pipelines.reporting.tables.layout import RenderedTable
from ldm_pipelines.reporting.tables.spec import BlockTable, SettingsTable, Table


def render_table(table: Table, study: str, paper: PaperTable | Unreadable, **results: dict[str, Any]) -> RenderedTable:
    """The paper's rows with ours beside them."""
    from ldm_pipelines.reporting.tables.build import build, unreadable

    if isinstance(paper, PaperTable):
        return build(table, paper, results, study=study)
    return unreadable(_checked(paper, table.name))


def render_settings(
    table: SettingsTable, study: str, paper: HyperparameterTable | Unreadable, **described: dict[str, Any]
) -> RenderedTable:
    """The paper's hyperparameters with those of our models beside them."""
    from ldm_pipelines.reporting.tables.build import unreadable
    from ldm_pipelines.reporting.tables.settings import build_settings

    if isinstance(paper, HyperparameterTable):
        return build_settings(table, paper, described, study=study)
    return unreadable(_checked(paper, table.name))


def render_block(table: BlockTable, study: str, paper: LayerTable | Unreadable) -> RenderedTable:
    """The paper's transformer block with ours beside it."""
    from ldm_pipelines.reporting.tables.block import build_block
    from ldm_pipelines.reporting.tables.build import unreadable

    if isinstance(paper, LayerTable):
        return build_block(table, paper, study=study)
    return unreadable(_checked(paper, table.name))


def write_table(rendered: RenderedTable, compute: Compute) -> Path:
    """A folder with the table as Markdown, LaTeX, CSV, HTML and plain text."""
    from ldm_pipelines.reporting.tables.build import write

    folder = compute.workspace / "tables" / rendered.name / "artefact"
    write(rendered, folder)
    return folder


def check_tables(*made: RenderedTable | list[str] | Path) -> None:
    """Fail for what is wrong with any table or, given as a list, with the report, once all of them are written.

    Raises:
        InputError: a line per problem, with its file or key and the tables that it concerns.
    """
    concerned: dict[str, list[str]] = {}
    for part in made:
        if isinstance(part, Path):
            continue
        name, problems = (part.name, part.problems) if isinstance(part, RenderedTable) else ("report", part)
        for problem in dict.fromkeys(problems):
            concerned.setdefault(problem, []).append(name)
    if concerned:
        lines = [f"  {', '.join(names)}: {problem}" for problem, names in concerned.items()]
        raise InputError("\n".join(["written, with these problems:", *lines]))


def _checked(paper: Any, name: str) -> Unreadable:
    """What is wrong with a file: as it was read, or that it holds another shape of table."""
    if isinstance(paper, Unreadable):
        return paper
    why = f"conf/paper/{name}.yaml holds another kind of table than tables.{name}.kind says"
    return Unreadable(name, why)


def write_report(
    parameters: dict[str, Any],
    reporting: Path,
    hashes: dict[str, dict[str, str]],
    compute: Compute,
    **made: RenderedTable | Path,
) -> tuple[Path, list[str]]:
    """A self-contained page of all tables, figures, pictures, runs and results; and which results cannot be read."""
    from ldm_pipelines.reporting.pages.report import write_study_report

    folder = compute.workspace / "report" / str(parameters["study"]) / "artefact"
    tables = [table for table in made.values() if isinstance(table, RenderedTable)]
    plain = to_jsonable_python(parameters)  # Kedro puts models in place of what other nodes of the run take as such
    return folder, write_study_report(tables, reporting, plain, folder, hashes=hashes)
