import copy
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.results import stored

from ldm_pipelines.reporting.paper.loading import load_document
from ldm_pipelines.reporting.tables.build import build, write
from ldm_pipelines.reporting.tables.layout import Line, RenderedTable
from ldm_pipelines.reporting.tables.spec import Row, Table

Make = Callable[..., RenderedTable]
PAPER = Path(__file__).parents[3] / "conf" / "paper"


def shown(line: Line) -> list[str]:
    return [cell.shown for cell in line.cells]


def best(table: RenderedTable) -> dict[str, list[str]]:
    return {
        line.method: [h.key for h, cell in zip(table.headings, line.cells, strict=True) if cell.best]
        for line in table.lines
        if any(cell.best for cell in line.cells)
    }


def of_rows(rows: tuple[Row, ...], results: dict[str, Any]) -> RenderedTable:
    table = Table(name="table_03", suite="samples", second_suite="samples", rows=rows)
    return build(table, load_document(PAPER / "table_03.yaml"), stored(results), study="miniature")


def test_table_3_is_the_papers_with_ours_below_the_rows_they_reproduce(table_3: RenderedTable) -> None:
    assert [(line.label, shown(line)) for line in table_3.lines] == [
        ("BigGAN-deep", ["6.95", "203.6 ± 2.6", "0.87", "0.28", "340M"]),
        ("ADM", ["10.94", "100.98", "0.69", "0.63", "554M"]),
        ("ADM-G", ["4.59", "186.7", "0.82", "0.52", "608M"]),
        ("LDM-4", ["10.56", "103.49 ± 1.24", "0.71", "0.62", "400M"]),
        ("LDM-4 (ours, miniature)", ["3.51", "8.76 ± 0.21", "0.81", "0.70", "812k"]),
        ("LDM-4-G", ["3.60", "247.67 ± 5.59", "0.87", "0.48", "400M"]),
        ("LDM-4-G (ours, miniature)", ["2.00", "999.50 ± 0.11", "0.99", "0.50", "812k"]),
    ]


def test_numbers_of_ours_that_were_measured_otherwise_are_never_bold_even_where_they_are_better(
    table_3: RenderedTable,
) -> None:
    assert best(table_3) == {
        "BigGAN-deep": ["precision", "n_params"],
        "ADM": ["recall"],
        "LDM-4-G": ["fid", "is", "precision"],
    }
    assert not any(cell.best for line in table_3.lines if line.ours for cell in line.cells)


def test_table_8_shows_small_values_with_two_digits_and_settings_of_ours(table_8: RenderedTable) -> None:
    ours = {line.method: shown(line) for line in table_8.lines if line.ours}
    measured = ["0.0042", "9.01 ± 0.30", "31.20 ± 2.10", "0.021 ± 0.004", "0.97 ± 0.01"]
    assert ours == {"VQ-f4": ["4", "256", "3", *measured], "KL-f4-c3": ["4", "–", "3", *measured]}
    assert len(table_8.lines) == 19 + 2
    assert best(table_8) == {"VQ-f2": ["r_is"], "KL-f2-c2": ["r_fid", "psnr", "psim", "ssim"]}
    notes = [note.text for note in table_8.footnotes if note.source]
    assert "share of the codebook in use: 0.875; codebook perplexity: 151.2" in notes[0]


def test_a_numbered_note_says_what_a_row_rests_on_and_a_lettered_one_how_its_numbers_differ(
    table_3: RenderedTable,
) -> None:
    notes = {note.mark: note.text for note in table_3.footnotes}
    plain, guided = (line for line in table_3.lines if line.ours)
    assert (plain.marks, guided.marks) == (("1",), ("2",))
    for part in ("12121212", "77777777", "abababab", "5e5e5e5e", "2,000 images (200 per class)", "seed 0", "0.931"):
        assert part in notes["1"]
    assert [cell.marks for cell in plain.cells] == [("a",)] * 4 + [()]
    assert [cell.marks for cell in guided.cells] == [("a",)] * 4 + [()]
    assert notes["a"] == (
        "images of digits (ImageNet); 32 px (256); features of digits_classifier (torch-fidelity's Inception); "
        "2,000 samples (50,000); 50 steps (250)."
    )


def test_rows_compete_within_their_dataset_where_a_table_has_several(make: Make) -> None:
    table = make("table_01", {}, {})
    groups = dict(table.groups())
    assert list(groups) == ["CelebA-HQ", "FFHQ", "LSUN-Churches", "LSUN-Bedrooms"]
    lowest = {group: [line.method for line in lines if line.cells[0].best] for group, lines in groups.items()}
    assert lowest["CelebA-HQ"] == ["LDM-4 (500 DDIM steps)"]
    assert lowest["LSUN-Bedrooms"] == ["ProjectedGAN"]
    assert [cell.text for cell in groups["LSUN-Bedrooms"][4].cells] == ["1.90", "0.66", "0.51"]


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda r: r.pop("digits_ldm4"), "no result"),
        (lambda r: r["digits_ldm4"].pop("metrics"), "malformed result"),
        (lambda r: r["digits_ldm4"]["metrics"].update(fid="low"), "malformed result"),
        (lambda r: r["digits_ldm4"]["metrics"].update(fid=math.nan), "not finite"),
        (lambda r: r["digits_ldm4"]["metrics"].pop("fid"), "not measured"),
    ],
)
def test_what_is_missing_is_a_cell_that_says_why_and_the_rest_of_the_table_stands(
    make: Make, results: dict[str, Any], damage: Any, why: str
) -> None:
    damaged = copy.deepcopy(results)
    damage(damaged)
    table = make("table_03", {"LDM-4": "digits_ldm4", "LDM-4-G": "digits_ldm4_g"}, damaged)
    plain, guided = (line for line in table.lines if line.ours)
    assert plain.cells[0].text == f"missing: {why}"
    assert plain.cells[0].missing
    assert plain.marks
    assert shown(guided)[0] == "2.00"


def test_the_footnote_of_a_malformed_result_names_the_key_and_the_table_has_a_problem(
    make: Make, results: dict[str, Any]
) -> None:
    results["digits_ldm4"]["metrics"]["fid"] = "low"
    table = make("table_03", {"LDM-4": "digits_ldm4"}, results)
    note = table.footnotes[0].text
    assert "'digits_ldm4'" in note
    assert "metrics.fid" in note
    (problem,) = table.problems
    assert problem.startswith("data/08_reporting/metrics/samples/digits_ldm4.json: malformed result (metrics.fid: ")
    assert not any("Left out" in remark for remark in table.remarks)


def test_several_rows_of_ours_may_stand_below_one_of_the_paper(results: dict[str, Any]) -> None:
    rows = (Row(method="LDM-4", result="digits_ldm4_g", label="guided"), Row(method="LDM-4", result="digits_ldm4"))
    table = of_rows(rows, results)
    assert not table.problems
    assert [(line.method, line.result) for line in table.lines[3:6]] == [
        ("LDM-4", ""),
        ("LDM-4", "digits_ldm4_g"),
        ("LDM-4", "digits_ldm4"),
    ]


@pytest.mark.parametrize("label", [None, "digits"])
def test_rows_of_ours_that_nothing_tells_apart_are_refused(results: dict[str, Any], label: str | None) -> None:
    rows = tuple(Row(method="LDM-4", result=name, label=label) for name in ("digits_ldm4", "digits_ldm4_g"))
    table = of_rows(rows, results)
    (problem,) = table.problems
    assert problem == (
        "tables.table_03.rows[1] (digits_ldm4_g) and tables.table_03.rows[0] (digits_ldm4) "
        f"are both {label or 'LDM-4'!r}; set `label` to tell them apart"
    )
    assert [line.result for line in table.lines if line.ours] == ["digits_ldm4"]
    assert any(problem in remark for remark in table.remarks)


def test_building_twice_writes_the_same_bytes_in_every_form(
    make: Make, tmp_path: Path, results: dict[str, Any]
) -> None:
    for folder in (tmp_path / "a", tmp_path / "b"):
        write(make("table_03", {"LDM-4": "digits_ldm4"}, results), folder)
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert files == ["table_03.csv", "table_03.html", "table_03.md", "table_03.tex", "table_03.txt"]
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in files)


def test_a_study_need_not_be_named(results: dict[str, Any]) -> None:
    rows = (Row(method="LDM-4", result="digits_ldm4"),)
    table = Table(name="table_03", suite="samples", second_suite="samples", rows=rows)
    built = build(table, load_document(PAPER / "table_03.yaml"), {})
    assert built.lines[4].label == "LDM-4 (ours)"


def test_a_result_that_was_not_run_says_so(make: Make) -> None:
    table = make("table_03", {"LDM-4": "digits_ldm4"}, {"digits_ldm4": {"missing": "not run"}})
    ours = next(line for line in table.lines if line.ours)
    assert {cell.text for cell in ours.cells} == {"missing: not run"}
