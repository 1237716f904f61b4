"""Tables through Kedro: a broken file or row spoils its own table, the others are written, and the run says so."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import Pipeline
from kedro.runner import SequentialRunner
from support.results import PAPER, result, sample_subject

from ldm_pipelines.compute import Compute
from ldm_pipelines.errors import InputError
from ldm_pipelines.io import FolderDataset, PaperTableDataset, ResultDataset
from ldm_pipelines.pipelines.tables.nodes import check_tables, render_block, render_settings, render_table, write_report
from ldm_pipelines.pipelines.tables.pipeline import create_check
from ldm_pipelines.reporting.paper.documents import Unreadable
from ldm_pipelines.reporting.tables.build import unreadable
from ldm_pipelines.reporting.tables.spec import BlockTable, Row, SettingsTable, Table

NAMES = ["table_02", "table_03"]
METRICS = {"fid": 3.5, "is": 8.8, "precision": 0.8, "recall": 0.7}


def tables(rows: list[dict[str, Any]]) -> dict[str, Table]:
    made = tuple(Row.model_validate(row) for row in rows)
    return {
        name: Table(name=name, suite="s", second_suite="s", rows=made if name == "table_03" else ()) for name in NAMES
    }


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copytree(PAPER, tmp_path / "paper")
    return tmp_path


def run(project: Path, rows: list[dict[str, Any]]) -> None:
    """Both tables, from files, by the pipelines of the registry."""
    from kedro.pipeline import node

    from ldm_pipelines.pipelines.tables.nodes import write_table

    data: dict[str, Any] = {"params:study": MemoryDataset("smoke"),
                            "params:compute": MemoryDataset(Compute(num_threads=1, workspace=project / "work")),
                            "metrics/s/digits": ResultDataset(str(project / "digits.json"), optional=True)}  # fmt: skip
    nodes = []
    for name, table in tables(rows).items():
        data[f"params:tables.{name}"] = MemoryDataset(table)
        data[f"paper/{name}"] = PaperTableDataset(str(project / "paper" / f"{name}.yaml"))
        data[f"tables/{name}"] = FolderDataset(str(project / "out" / name), made_by=f"tables.{name}")
        data[f"rendered/{name}"] = MemoryDataset(copy_mode="assign")
        shown = {"result/s/digits": "metrics/s/digits"} if table.rows else {}
        inputs = {"table": f"params:tables.{name}", "study": "params:study", "paper": f"paper/{name}", **shown}
        written = {"rendered": f"rendered/{name}", "compute": "params:compute"}
        nodes.append(node(render_table, inputs, f"rendered/{name}", name=f"render.{name}"))
        nodes.append(node(write_table, written, f"tables/{name}", name=f"tables.{name}"))
    SequentialRunner().run(Pipeline(nodes) + create_check(NAMES, "all"), DataCatalog(data))


def text(project: Path, name: str) -> str:
    """What stands in a finished table, wrapped lines joined."""
    return " ".join((project / "out" / name / f"{name}.txt").read_text().split())


def test_a_malformed_file_of_the_paper_spoils_its_own_table_only(project: Path) -> None:
    broken = project / "paper" / "table_02.yaml"
    broken.write_text(broken.read_text().replace("columns:", "colums:"))
    with pytest.raises(InputError, match=r"table_02\.yaml: unknown key 'colums'") as raised:
        run(project, [{"method": "LDM-4", "result": "digits"}])
    assert "table_03" not in str(raised.value)
    assert "Missing:" in text(project, "table_02")
    assert "unknown key 'colums'" in text(project, "table_02")
    assert "103.49" in text(project, "table_03")
    assert {path.suffix for path in (project / "out" / "table_02").iterdir()} == {
        ".md",
        ".tex",
        ".csv",
        ".html",
        ".txt",
    }


def test_a_row_of_an_unknown_method_is_an_error_after_all_tables_are_written(project: Path) -> None:
    with pytest.raises(InputError, match=r"tables\.table_03\.rows\[0\]: .* did you mean 'LDM-4'"):
        run(project, [{"method": "LDM4", "result": "digits"}, {"method": "LDM-4", "result": "digits"}])
    assert "missing: not run" in text(project, "table_03")
    assert "Left out: tables.table_03.rows[0]" in text(project, "table_03")
    assert "CogView" in text(project, "table_02")


def test_a_result_that_is_not_there_is_a_cell_that_says_so(project: Path) -> None:
    run(project, [{"method": "LDM-4", "result": "digits"}])
    assert "missing: not run" in text(project, "table_03")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b'{"fid": "\xff"}', "the file is not JSON"),
        (b"[1]", "the file holds no JSON object"),
        (b'{"kind": "samples", "name": "digits", "metrics": {"fid": "bad"}, "provenance": {}}', "metrics.fid: "),
    ],
)
def test_a_result_that_cannot_be_read_is_a_cell_that_says_so_and_an_error_after_all_tables_are_written(
    project: Path, content: bytes, why: str
) -> None:
    (project / "digits.json").write_bytes(content)
    with pytest.raises(InputError) as raised:
        run(project, [{"method": "LDM-4", "result": "digits"}])
    assert f"  table_03: data/08_reporting/metrics/s/digits.json: malformed result ({why}" in str(raised.value)
    assert "missing: malformed result" in text(project, "table_03")
    assert "CogView" in text(project, "table_02")


def test_what_is_wrong_in_several_tables_and_the_report_is_told_once() -> None:
    broken = unreadable(Unreadable("table_02", "x.json: malformed result (root)"))
    with pytest.raises(InputError) as raised:
        check_tables(broken, replace(broken, name="table_03"), Path(), ["x.json: malformed result (root)", "y.json: z"])
    assert str(raised.value).splitlines()[1:] == [
        "  table_02, table_03, report: x.json: malformed result (root)",
        "  report: y.json: z",
    ]


def test_tables_without_mistakes_pass(project: Path) -> None:
    ResultDataset(str(project / "digits.json")).save(
        result("samples", "digits", METRICS, sample_subject("digits", 1.0))
    )
    run(project, [{"method": "LDM-4", "result": "digits"}])
    assert "3.50" in text(project, "table_03")


def test_every_kind_of_table_says_why_its_file_cannot_be_shown() -> None:
    paper = Unreadable("table_12", "conf/paper/table_12.yaml: rows: Field required")
    shelf = {"name": "table_12", "suite": "s", "second_suite": "s"}
    settings = render_settings(SettingsTable(**shelf, kind="settings", columns={}), "x", paper)
    block = render_block(BlockTable(**shelf, kind="block"), "x", paper)
    results = render_table(Table(**shelf, rows=()), "x", paper)
    for rendered in (settings, block, results):
        with pytest.raises(InputError, match=r"table_12: conf/paper/table_12\.yaml: rows: Field required"):
            check_tables(rendered)


def test_a_table_of_another_kind_than_its_file_is_said() -> None:
    paper = PaperTableDataset(str(PAPER / "table_12.yaml")).load()
    rendered = render_table(Table(name="table_12", suite="s", second_suite="s", rows=()), "x", paper)
    assert rendered.problems == ("conf/paper/table_12.yaml holds another kind of table than tables.table_12.kind says",)


def test_the_report_is_the_same_whether_parameters_come_as_models_or_as_text(project: Path) -> None:
    """Kedro puts models in place of those that another node of the same run takes."""
    (made,) = [table for table in tables([{"method": "LDM-4", "result": "digits"}]).values() if table.rows]
    texts = []
    for number, table in enumerate((made, made.model_dump(mode="json"))):
        parameters = {
            "study": "smoke",
            "evaluations": {"digits": {"suite": "s"}},
            "tables": {made.name: table},
        }
        compute = Compute(num_threads=1, workspace=project / str(number))
        texts.append((write_report(parameters, project, {}, compute)[0] / "index.html").read_text())
    assert texts[0] == texts[1]
    assert 'data-start="result-evaluations-digits" data-end="table_03"' in texts[0]
