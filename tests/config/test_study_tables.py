"""The tables of the studies: all eighteen, each with a pipeline, each row below a published one."""

from pathlib import Path

import pytest
import yaml

from ldm_pipelines.config.compose import compose
from ldm_pipelines.config.study import Study, read_study
from ldm_pipelines.errors import InputError
from ldm_pipelines.pipeline_registry import pipelines_of
from ldm_pipelines.reporting.paper.documents import HyperparameterTable, LayerTable, PaperTable
from ldm_pipelines.reporting.paper.loading import load_document
from ldm_pipelines.reporting.tables.build import build
from ldm_pipelines.reporting.tables.spec import BlockTable, SettingsTable, Table

PROJECT = Path(__file__).parents[2]
TABLES = [f"table_{number:02d}" for number in range(1, 19)]
SHAPES = {Table: PaperTable, SettingsTable: HyperparameterTable, BlockTable: LayerTable}


@pytest.fixture(scope="module", params=["miniature", "paper"])
def study(request: pytest.FixtureRequest) -> Study:
    return read_study(yaml.safe_load(compose(PROJECT, [f"study={request.param}"])), request.param)


def test_every_table_of_the_paper_is_defined_with_the_shape_of_its_file(study: Study) -> None:
    assert list(study.tables) == TABLES
    for name, table in study.tables.items():
        assert isinstance(load_document(PROJECT / "conf" / "paper" / f"{name}.yaml"), SHAPES[type(table)])


def test_every_row_stands_below_one_published_row_and_every_column_is_the_papers(study: Study) -> None:
    for name, table in study.tables.items():
        paper = load_document(PROJECT / "conf" / "paper" / f"{name}.yaml")
        if isinstance(table, Table) and isinstance(paper, PaperTable):
            keys = {column.key for column in paper.columns}
            for row in table.rows:
                published = paper.rows[paper.find(row.method, row.group, row.where)]
                assert published.method == row.method
                assert set(row.columns) <= keys
        elif isinstance(table, SettingsTable) and isinstance(paper, HyperparameterTable):
            assert set(table.columns) <= set(paper.columns)


def test_rows_of_a_table_are_told_apart_by_what_they_are_called(study: Study) -> None:
    for name, table in study.tables.items():
        paper = load_document(PROJECT / "conf" / "paper" / f"{name}.yaml")
        if isinstance(table, Table) and isinstance(paper, PaperTable):
            assert build(table, paper, {}).problems == ()
            groups = [paper.rows[paper.find(row.method, row.group, row.where)].group for row in table.rows]
            called = [(group, row.label or row.method) for group, row in zip(groups, table.rows, strict=True)]
            assert len(set(called)) == len(called), name


def test_every_table_has_a_pipeline_of_its_own_and_one_from_raw_data(study: Study) -> None:
    registry = pipelines_of(study)
    for name in TABLES:
        assert f"tables/{name}" in registry[f"tables.{name}"].outputs() | registry[f"tables.{name}"].all_outputs()
        written = {node.name for node in registry[name].nodes}
        assert {f"render.{name}", f"tables.{name}", f"check_tables.{name}"} <= written
    settings = {node.name.partition(".")[0] for node in registry["table_12"].nodes}
    assert settings == {"describe_ldm", "render", "tables", "check_tables"}  # nothing is trained for it
    assert registry["__default__"].nodes == registry[study.selected.table].nodes


def test_what_dvc_watches_holds_every_result_of_a_table(study: Study) -> None:
    text = compose(PROJECT, [f"study={study.study}"])
    changed = yaml.safe_load(text)
    changed["tables"]["table_03"] |= {
        "suite": "unconditional", "second_suite": "autoencoder_zoo", "third_suite": "unconditional",
    }  # fmt: skip
    with pytest.raises(
        InputError, match=r"is in suite 'class_conditional.*', not below 'unconditional' or 'autoencoder_zoo'"
    ):
        read_study(changed, study.study)
