"""``tables.NAME`` and ``report``"""

from collections.abc import Iterable
from typing import Any

from kedro.pipeline import Pipeline, node

from ldm_pipelines.config.study import Study
from ldm_pipelines.pipelines.tables.nodes import (
    check_tables,
    render_block,
    render_settings,
    render_table,
    write_report,
    write_table,
)
from ldm_pipelines.reporting.tables.spec import DESCRIPTIONS, AnyTable, SettingsTable, Table

PROBLEMS = "report_problems"


def create(table: AnyTable, study: Study) -> Pipeline:
    """Render a table from what it shows, and write it."""
    name = table.name
    render, shown = _contents(table, study)
    return Pipeline([
        node(
            render,
            inputs={"table": f"params:tables.{name}", "study": "params:study", "paper": f"paper/{name}", **shown},
            outputs=f"rendered/{name}",
            name=f"render.{name}",
        ),
        node(
            write_table,
            inputs={"rendered": f"rendered/{name}", "compute": "params:compute"},
            outputs=f"tables/{name}",
            name=f"tables.{name}",
        ),
    ])  # fmt: skip


def create_check(names: Iterable[str], label: str, *others: str) -> Pipeline:
    """Tell what is wrong with tables, and in datasets ``others``, after all tables are written."""
    inputs = [*(dataset for name in names for dataset in (f"rendered/{name}", f"tables/{name}")), *others]
    return Pipeline([node(check_tables, inputs=inputs, outputs=None, name=f"check_tables.{label}")])


def _contents(table: AnyTable, study: Study) -> tuple[Any, dict[str, str]]:
    """The function that renders a table, and the stored results it reads by their names among its arguments."""
    if isinstance(table, Table):
        named = {source for row in table.rows for source in row.everything}
        paths = {f"{kind}/{study.suites(kind)[name]}/{name}" for kind, name in named}
        return render_table, {path: f"metrics/{path.partition('/')[2]}" for path in sorted(paths)}
    if isinstance(table, SettingsTable):
        paths = {f"{DESCRIPTIONS}/{name}" for name in table.columns.values()}
        return render_settings, {path: f"metrics/{path}" for path in sorted(paths)}
    return render_block, {}


def create_report(tables: Iterable[str], figures: Iterable[str]) -> Pipeline:
    """Put rendered tables and everything that the study's stages left for people together; figures are drawn first."""
    return Pipeline([
        node(
            write_report,
            inputs={
                "parameters": "parameters",
                "reporting": "reporting",
                "hashes": "dvc_lock",
                "compute": "params:compute",
                **{name: f"rendered/{name}" for name in tables},
                **{name: f"figures/{name}" for name in figures},
            },
            outputs=["report", PROBLEMS],
            name="report",
        )
    ])  # fmt: skip
