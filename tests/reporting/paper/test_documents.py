import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ldm_pipelines.errors import InputError
from ldm_pipelines.reporting.paper.documents import HyperparameterTable, LayerTable, PaperTable
from ldm_pipelines.reporting.paper.loading import load_document, load_figures, load_sources, load_zoo
from ldm_pipelines.reporting.paper.protocol import Protocol

PAPER = Path(__file__).parents[3] / "conf" / "paper"
TABLES = [f"table_{number:02d}" for number in range(1, 19)]


def sources(content: Any) -> Iterator[str]:
    """Every entry of every ``source`` key, at any depth."""
    if isinstance(content, dict):
        for key, value in content.items():
            if key == "source":
                yield from [value] if isinstance(value, str) else value
            else:
                yield from sources(value)
    elif isinstance(content, list):
        for value in content:
            yield from sources(value)


@pytest.mark.parametrize("name", TABLES)
def test_every_table_of_the_paper_is_valid_and_has_its_number(name: str) -> None:
    assert load_document(PAPER / f"{name}.yaml").table == int(name[-2:])


def test_nothing_else_lies_beside_the_tables_but_what_is_checked_too() -> None:
    assert {path.stem for path in PAPER.iterdir()} == {*TABLES, "figures", "sources", "extra_repo_zoo", "configs"}
    assert load_figures(PAPER / "figures.yaml").figure_1.rows[0].get("psnr") == 27.4
    assert len(load_zoo(PAPER / "extra_repo_zoo.yaml").rows) == 8
    assert "CVPR 2022" in load_sources(PAPER / "sources.yaml").paper


@pytest.mark.parametrize("path", sorted(PAPER.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_source_is_listed(path: Path) -> None:
    known = set(load_sources(PAPER / "sources.yaml").keys)
    for entry in sources(yaml.safe_load(path.read_text())):
        named = re.findall(r"(?:^|, )(\w+)(?=:|$|, )", entry)
        assert named
        assert set(named) <= known


def test_the_three_shapes_of_tables_are_told_apart() -> None:
    shapes = {name: type(load_document(PAPER / f"{name}.yaml")) for name in TABLES}
    assert {name for name, shape in shapes.items() if shape is HyperparameterTable} == {
        "table_12", "table_13", "table_14", "table_15", "table_17",
    }  # fmt: skip
    assert [name for name, shape in shapes.items() if shape is LayerTable] == ["table_16"]
    assert sum(shape is PaperTable for shape in shapes.values()) == 12


VALID = """
table: 3
title: T
protocol: {samples: 50000}
columns: [{key: fid, label: FID, better: lower}]
rows: [{method: LDM-4, fid: 3.60, is_ldm: true, steps: 250}]
"""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("title: T", "titel: T", "unknown key 'titel'; did you mean 'title'"),
        ("title: T\n", "", "title: Field required"),
        ("columns: [", "colums: [", "unknown key 'colums'; did you mean 'columns'"),
        ("better: lower", "better: smaller", r"columns\.0\.better"),
        ("fid: 3.60", "fid: [1, 2, 3]", r"rows\.0\.fid \(LDM-4\): \[1, 2, 3\] is not a number"),
        ("fid: 3.60", "fid: true", r"rows\.0\.fid \(LDM-4\): True is not a number"),
        ("fid: 3.60", 'fid: "10,56"', r"rows\.0\.fid \(LDM-4\): '10,56' is not a number"),
        ("fid: 3.60", "fid: 10,56", r"rows\.0\.56: Keys should be strings"),
        ("fid: 3.60", "fid: .nan", r"rows\.0\.fid \(LDM-4\): nan is not a number"),
        ("fid: 3.60", "fid: 3.60, fid_std: 3M", r"rows\.0\.fid_std \(LDM-4\): '3M' is not a number or null"),
        ("fid: 3.60", "fdi: 3.60", r"unknown key 'rows\.0\.fdi' \(LDM-4\); did you mean 'fid'"),
        ("fid: 3.60, ", "", "no row has a value for column 'fid'"),
        ("method: LDM-4", "methd: LDM-4", r"rows\.0\.method: Field required; is 'methd' meant for it"),
        ("steps: 250", "stpes: 250", r"unknown key 'rows\.0\.stpes' \(LDM-4\); did you mean 'steps'"),
        ("steps: 250", 'steps: "250"', r"rows\.0\.steps: Input should be a valid integer"),
        ("rows: [", "cvpr_version_rows: [{method: DALL-E, is_ldm: false, fdi: 1}]\nrows: [", r"'cvpr_version_rows\.0\.fdi' \(DALL-E\)"),
        ("is_ldm: true", "is_ldm: true, is_ldm: false", "'is_ldm' occurs twice"),
        ("is_ldm: true, ", "", r"rows\.0\.is_ldm: Field required"),
        ("rows: [", "rows: [[", "cannot be read as YAML"),
        ("samples: 50000", "smaples: 50000", "unknown key 'protocol.smaples'; did you mean 'samples'"),
        ("samples: 50000", "samples: many", r"protocol\.samples\..*: Input should be"),
        ("samples: 50000", "reference: {dataset: [x]}", "'protocol.reference.dataset'; did you mean 'datasets'"),
        ("samples: 50000", "columns: {fid: {blanced: true}}", "'protocol.columns.fid.blanced'; did you mean 'balanced'"),
        ("samples: 50000", "columns: {fdi: {samples: 1}}", "protocol.columns: the table has none named 'fdi'; did you mean 'fid'"),
        ("samples: 50000", "groups: {FFHQ: {samples: 1}}", "protocol.groups: the table has none named 'FFHQ'"),
        ("samples: 50000", "feature_network: inception", r"protocol\.feature_network: Input should be 'inception_fidelity' or"),
    ],
)  # fmt: skip
def test_a_malformed_file_is_one_error_naming_file_and_key(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "table_03.yaml"
    path.write_text(VALID)
    assert load_document(path).rows[0].get("steps") == 250
    path.write_text(VALID.replace(old, new))
    with pytest.raises(InputError, match=message) as raised:
        load_document(path)
    assert str(path) in str(raised.value)


def rows_of(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], set[str]]]:
    """Each row of a table: where in the document it is, the row, and which of its keys have numbers (or shapes)."""
    rows = document["rows"]
    if isinstance(rows, dict):
        yield from ((f"rows.{name}", row, set(row)) for name, row in rows.items())
        return
    columns = {column["key"] for column in document.get("columns", [{"key": "shape"}])}
    for position, row in enumerate(rows):
        yield f"rows.{position}", row, {key for key in row if key.removesuffix("_std") in columns}


@pytest.mark.parametrize("name", TABLES)
def test_a_typing_error_in_any_key_or_number_of_a_row_is_an_error_naming_file_row_and_key(
    tmp_path: Path, name: str
) -> None:
    """In the first and the last row of every file."""
    path = tmp_path / f"{name}.yaml"
    document = yaml.safe_load((PAPER / path.name).read_text())

    def error(row: dict[str, Any], mistaken: dict[str, Any]) -> str:
        untouched = dict(row)
        row.clear()
        row.update(mistaken)
        path.write_text(yaml.safe_dump(document))
        row.clear()
        row.update(untouched)
        with pytest.raises(InputError) as raised:
            load_document(path)
        assert str(path) in str(raised.value)
        return str(raised.value)

    rows = list(rows_of(document))
    for place, row, numbers in (rows[0], rows[-1]):
        for key in row:
            wrong = f"{key}{key[-1]}"
            message = error(row, {wrong if known == key else known: value for known, value in row.items()})
            required = f"{place}.{key}: Field required; is {wrong!r} meant for it?"
            assert required in message or (f"'{place}.{wrong}'" in message and f"did you mean {key!r}?" in message)
        for key in numbers:
            assert f"{place}.{key}" in error(row, row | {key: "10,56"})


@pytest.mark.parametrize(("old", "new"), [("batch_size:", "batch_sise:"), ("depth_N:", "depthN:")])
def test_the_name_of_a_hyperparameter_is_one_that_the_paper_has(tmp_path: Path, old: str, new: str) -> None:
    path = tmp_path / "table.yaml"
    name = "table_17" if "N" in old else "table_12"
    path.write_text((PAPER / f"{name}.yaml").read_text().replace(old, new))
    with pytest.raises(InputError, match=rf"unknown key 'rows\.{new[:-1]}'; did you mean '{old[:-1]}'"):
        load_document(path)


def test_a_cell_takes_what_its_column_says_before_its_group_before_the_table() -> None:
    """Facts that a part does not name are those of the whole."""
    protocol = Protocol.model_validate({
        "samples": 10, "image_size": 256, "reference": {"datasets": ["A"], "split": "train"},
        "groups": {"g": {"samples": 20, "reference": {"datasets": ["B"]}}},
        "columns": {"c": {"samples": 30, "reference": {"split": "test"}}},
    })  # fmt: skip
    cells = {(group, column): protocol.of(group, column) for group in ("g", "") for column in ("c", "")}
    facts = {at: (c.samples, c.image_size, c.reference.datasets, c.reference.split) for at, c in cells.items()}
    assert facts == {
        ("g", "c"): (30, 256, ("B",), "test"),
        ("g", ""): (20, 256, ("B",), "train"),
        ("", "c"): (30, 256, ("A",), "test"),
        ("", ""): (10, 256, ("A",), "train"),
    }


def test_a_missing_file_and_a_file_of_something_else_are_errors_that_say_so(tmp_path: Path) -> None:
    (tmp_path / "table_03.yaml").write_text("- 1\n")
    with pytest.raises(InputError, match=r"files there: table_03\.yaml"):
        load_document(tmp_path / "table_30.yaml")
    with pytest.raises(InputError, match="must hold keys and values, not list"):
        load_document(tmp_path / "table_03.yaml")
