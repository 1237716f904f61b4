"""``tables.NAME`` and ``report``"""

from collections.abc import Iterable

from kedro.pipeline import Pipeline, node

from ldm_pipelines.config.study import Study
from ldm_pipelines.pipelines.tables.nodes import render_table, write_report, write_table
from ldm_pipelines.reporting.tables.spec import Table


def create(table: Table, study: Study) -> Pipeline:
    """Render a table from its rows' results, and write it."""
    suites = {name: entity.suite for name, entity in study.results().items()}
    name = table.name
    results = {row.result: f"metrics/{suites[row.result]}/{row.result}" for row in table.rows}
    return Pipeline([
        node(
            render_table,
            inputs={"table": f"params:tables.{name}", "study": "params:study", "paper": f"paper/{name}", **results},
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


def create_report(names: Iterable[str]) -> Pipeline:
    """Put rendered tables and the pictures of the study together."""
    return Pipeline([
        node(
            write_report,
            inputs={
                "study": "params:study",
                **{kind: f"params:{kind}" for kind in ("samples", "baselines", "ldms", "autoencoders", "evaluations")},
                "grids": "grids",
                "metrics": "metrics",
                "compute": "params:compute",
                **{name: f"rendered/{name}" for name in names},
            },
            outputs="report",
            name="report",
        )
    ])  # fmt: skip
