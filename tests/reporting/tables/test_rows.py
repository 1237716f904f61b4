"""Rows of ours: which published row they stand below, and which results fill them."""

import re
from typing import Any

import pytest
from pydantic import ValidationError
from support.results import PAPER, result, sample_subject, stored

from ldm_pipelines.reporting.paper.loading import load_document
from ldm_pipelines.reporting.tables.build import build
from ldm_pipelines.reporting.tables.layout import Line, RenderedTable, Source
from ldm_pipelines.reporting.tables.spec import Row, Table


def made(name: str, rows: list[dict[str, Any]], contents: dict[str, Any]) -> RenderedTable:
    table = Table(name=name, suite="s", second_suite="s", rows=tuple(Row.model_validate(row) for row in rows))
    return build(table, load_document(PAPER / f"{name}.yaml"), contents, study="miniature")


def ours(table: RenderedTable) -> dict[str, str]:
    """The only row of ours by column."""
    (line,) = [line for line in table.lines if line.ours]
    return {heading.key: cell.shown for heading, cell in zip(table.headings, line.cells, strict=True)}


def throughput(name: str) -> dict[str, Any]:
    metrics = {"train_samples_per_s": 812.5, "samples_per_s": 31.25, "samples_per_s_double": 7.5,
               "hours_per_epoch": 0.02, "device_days": 0.004, "peak_memory_mib": 210.0}  # fmt: skip
    provenance = {
        "ldm": {"name": name, "digest": "77" * 32, "n_params": 812_345},
        "device": {"name": "CPU", "threads": 2, "precision": "float32"},
    }
    return {"kind": "throughput", "name": name, "metrics": metrics, "provenance": provenance}


def evaluated(name: str, metrics: dict[str, float], split: str = "test") -> dict[str, Any]:
    measured = result("samples", name, metrics, sample_subject(name, 1.0))
    measured["provenance"]["reference"]["split"] = split
    return measured


# --- which published row ----------------------------------------------------------------------------------------------


def test_a_group_tells_rows_of_one_method_apart(results: dict[str, Any]) -> None:
    row = {"method": "LDM-4 (200 DDIM steps)", "group": "LSUN-Bedrooms", "result": "digits_ldm4"}
    table = made("table_01", [row], stored(results))
    (position,) = [i for i, line in enumerate(table.lines) if line.ours]
    above = table.lines[position - 1]
    assert (above.method, above.group) == ("LDM-4 (200 DDIM steps)", "LSUN-Bedrooms")
    assert table.lines[position].group == "LSUN-Bedrooms"


def test_further_facts_tell_rows_of_one_method_apart_where_there_is_no_group(results: dict[str, Any]) -> None:
    row = {"method": "LDM-8-G", "where": {"train_steps": 4800000}, "result": "digits_ldm4"}
    table = made("table_10", [row], stored(results))
    (position,) = [i for i, line in enumerate(table.lines) if line.ours]
    assert table.lines[position - 1].cells[0].text == "7.76"


@pytest.mark.parametrize(
    ("name", "row", "message"),
    [
        ("table_03", {"method": "LDM4-G"}, "no method 'LDM4-G'; did you mean 'LDM-4-G'"),
        ("table_01", {"method": "ProjectedGAN"}, "3 rows of method 'ProjectedGAN'; say which by `group`: 'FFHQ', 'LSUN-Churches', 'LSUN-Bedrooms'"),
        ("table_01", {"method": "UDM", "group": "FFHQQ"}, "no method 'UDM' in group 'FFHQQ'; did you mean 'FFHQ'"),
        ("table_10", {"method": "LDM-8"}, r"2 rows of method 'LDM-8'; say which by `where`, by one or more of train_steps \(2900000, 4800000\)"),
        ("table_10", {"method": "LDM-8", "where": {"train_steps": 1}}, "no method 'LDM-8' where train_steps is 1; known: 2900000, 4800000"),
        ("table_08", {"method": "VQGAN"}, r"`where`, by one or more of codebook_size \(16384, 1024\)"),
        ("table_09", {"method": "SPADE", "columns": {"fid_coco": "fid"}}, "no column 'fid_coco'; did you mean 'fid_coco_256'"),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_placed_is_a_problem_with_its_key_and_the_table_stands(
    results: dict[str, Any], name: str, row: dict[str, Any], message: str
) -> None:

    table = made(name, [row | {"result": "digits_ldm4"}], stored(results))
    (problem,) = table.problems
    assert problem.startswith(f"tables.{name}.rows[0]")
    assert re.search(message, problem)
    assert any(problem in remark for remark in table.remarks)
    assert sum(not line.ours for line in table.lines) == len(load_document(PAPER / f"{name}.yaml").rows)


def test_a_label_says_what_a_row_really_is(results: dict[str, Any]) -> None:
    table = made("table_03", [{"method": "LDM-4", "label": "digits", "result": "digits_ldm4"}], stored(results))
    line = next(line for line in table.lines if line.ours)
    assert (line.label, line.method) == ("digits (ours, miniature)", "LDM-4")


def test_rows_whose_intervals_overlap_are_not_ordered_unlike_the_paper(results: dict[str, Any]) -> None:
    results["digits_ldm4"]["metrics"]["fid"] = 0.16
    results["digits_ldm4_g"]["metrics"]["fid"] = 0.33
    rows = [{"method": "LDM-4", "result": "digits_ldm4"}, {"method": "LDM-4-G", "result": "digits_ldm4_g"}]
    (sentence,) = made("table_03", rows, stored(results)).unlike
    assert sentence.startswith(
        "FID orders the only pair of our rows unlike the paper: LDM-4 (0.16) is better than LDM-4-G"
    )
    assert made("table_03", [rows[0], {**rows[1], "compare": False}], stored(results)).unlike == ()
    results["digits_ldm4"]["details"] = {"intervals": {"fid": [0.036, 0.392]}}
    results["digits_ldm4_g"]["details"] = {"intervals": {"fid": [0.175, 0.554]}}
    table = made("table_03", rows, stored(results))
    assert table.unlike == ()
    assert table.remarks[-1] == "Within the error, so not held against the paper: FID (the only pair)."


def test_a_number_without_a_stored_interval_is_as_sure_as_its_deviation_says(results: dict[str, Any]) -> None:
    """IS varies over splits, what is printed; a distance over images, whose mean varies less by the root of their number."""
    table = made("table_03", [{"method": "LDM-4", "result": "digits_ldm4"}], stored(results))
    (line,) = [line for line in table.lines if line.ours]
    assert line.cells[0].interval is None
    assert line.cells[1].interval == pytest.approx((8.76 - 0.21, 8.76 + 0.21))
    whole = evaluated("painted", {"fid": 8.0, "psim": 0.1, "psim_std": 0.04})
    part = {"from": 0.4, "to": 0.5, "images": 196, "psim": 0.3, "psim_std": 0.1}
    whole["details"] = {"by_masked_part": [part], "intervals": {"psim": [0.09, 0.11]}}
    table = made("table_07", [{"method": "LDM-4 (w/ attn)", "result": "painted"}], stored({"painted": whole}))
    (line,) = [line for line in table.lines if line.ours]
    intervals = {heading.key: cell.interval for heading, cell in zip(table.headings, line.cells, strict=True)}
    assert intervals["lpips_all"] == (0.09, 0.11)
    assert intervals["lpips_40_50"] == pytest.approx((0.3 - 0.014, 0.3 + 0.014))


def test_a_row_without_any_result_is_refused() -> None:
    with pytest.raises(ValidationError, match="needs a result, a throughput or a preference"):
        Row(method="LDM-4")


# --- which results fill it ------------------------------------------------------------------------------------------


def test_table_6_takes_columns_from_an_evaluation_and_a_throughput() -> None:
    row = {"method": "LDM-4 (VQ, w/o attn)", "result": "fill", "throughput": "fill"}
    contents = {
        "result/inpainting/fill": evaluated("fill", {"fid": 0.25}),
        "throughput/throughput/fill": throughput("fill"),
    }
    table = made("table_06", [row], contents)
    assert ours(table) == {
        "train_samples_per_s": "812.50", "sample_256_per_s": "31.25", "sample_512_per_s": "7.50",
        "hours_per_epoch": "0.020", "fid_2k_epoch6": "0.25",
    }  # fmt: skip
    line = next(line for line in table.lines if line.ours)
    assert line.sources == (
        Source("inpainting/fill", "evaluations.fill", "evaluate_samples.fill"),
        Source("throughput/fill", "throughputs.fill", "measure_throughput.fill"),
    )
    assert [cell.source.result for cell in line.cells if cell.source] == ["throughput/fill"] * 4 + ["inpainting/fill"]
    assert any("on CPU, 2 threads, float32 (eight V100)" in n.text for n in table.footnotes)


def test_table_18_shows_days_of_our_device_and_says_that_they_are_not_v100_days() -> None:
    row = {"method": "LDM-8 (100 steps, 410K)", "group": "LSUN-Churches", "result": "a", "throughput": "a"}
    contents = {"result/unconditional/a": evaluated("a", {"fid": 4.0}), "throughput/throughput/a": throughput("a")}
    table = made("table_18", [row], contents)
    assert ours(table) | {"fid": "", "is": ""} == {
        "generator_v100_days": "0.0040", "classifier_v100_days": "–", "overall_v100_days": "0.0040",
        "samples_per_s": "31.25", "n_params": "812k", "fid": "", "is": "", "precision": "missing: not measured",
        "recall": "missing: not measured",
    }  # fmt: skip
    days = "days of CPU, 2 threads, float32, projected from the time of a step (V100-days)."
    (letter,) = [note.mark for note in table.footnotes if note.text == days]
    (line,) = [line for line in table.lines if line.ours]
    assert [letter in cell.marks for cell in line.cells] == [True, False, True] + [False] * 6


def test_table_5_has_a_column_per_reference_and_the_rest_from_the_rows_own_result() -> None:
    row = {"method": "LDM-4 (100 steps)", "result": "sr", "also": ["sr_train"]}
    contents = {
        "result/sr/sr": evaluated("sr", {"fid": 2.5, "is": 9.0, "psnr": 24.4, "psnr_std": 3.8, "ssim": 0.7}),
        "result/sr/sr_train": evaluated("sr_train", {"fid": 4.5, "is": 9.0, "psnr": 1.0}, split="train"),
    }
    shown = ours(made("table_05", [row], contents))
    assert (shown["fid"], shown["fid_val"], shown["fid_train"], shown["is"]) == ("–", "2.5", "4.5", "9.0")
    assert shown["psnr"] == "24.4 ± 3.8"
    assert shown["samples_per_s"] == "missing: not measured"
    alone = made("table_05", [row | {"also": []}], contents)
    assert ours(alone)["fid_train"] == "missing: not measured"
    assert any('"fid" against train images' in note.text for note in alone.footnotes)


def test_table_7_tells_the_images_apart_of_which_almost_half_is_masked() -> None:
    content = evaluated("fill", {"fid": 0.2, "psim": 0.35, "psim_std": 0.3})
    content["details"] = {
        "by_masked_part": [{"from": 0.3, "to": 0.4, "psim": 0.1}, {"from": 0.4, "to": 0.5, "psim": 0.7}]
    }
    table = made("table_07", [{"method": "LDM-4 (w/ attn)", "result": "fill"}], {"result/i/fill": content})
    assert ours(table) == {
        "fid_40_50": "missing: not measured", "lpips_40_50": "0.700", "fid_all": "0.20", "lpips_all": "0.350 ± 0.300",
    }  # fmt: skip
    note = 'no "fid" in details.by_masked_part of data/08_reporting/metrics/i/fill.json'
    assert any(note in footnote.text for footnote in table.footnotes)


def test_table_9_fills_the_column_that_the_row_names() -> None:
    row = {"method": "LDM-4 (200 steps)", "result": "boxes", "columns": {"fid_openimages_256": "fid"}}
    shown = ours(made("table_09", [row], {"result/l/boxes": evaluated("boxes", {"fid": 0.5})}))
    assert shown == {"fid_coco_256": "–", "fid_openimages_256": "0.50", "fid_openimages_512": "–"}


@pytest.mark.parametrize(("answered", "expected"), [(40.0, "40.0"), (None, "missing: not run")])
def test_table_4_shows_preferences_and_says_where_nobody_was_asked(answered: float | None, expected: str) -> None:
    metrics = {"preference_vs_gt_pct": answered, "preference_vs_gt_pct_low": answered and 30.0,
               "preference_vs_gt_pct_high": answered and 50.5, "preference_score_pct": None}  # fmt: skip
    content = {"kind": "preference", "name": "fill", "metrics": metrics, "provenance": {}}
    row = {"method": "LDM-4", "group": "inpainting", "preference": "fill"}
    table = made("table_04", [row], {"preference/user_study/fill": content})
    assert ours(table) == {"preference_vs_gt_pct": expected, "preference_score_pct": "missing: not run"}
    interval = "preference vs gt pct: 95 % interval 30.0 to 50.5"
    assert any(interval in note.text for note in table.footnotes) == (answered is not None)


def test_two_results_for_one_cell_are_a_problem_naming_both_files_and_the_row(results: dict[str, Any]) -> None:
    doubled = throughput("a")
    doubled["metrics"]["fid"] = 1.0
    contents = {
        "result/unconditional/a": evaluated("a", {"fid": 4.0, "recall": 0.5}),
        "throughput/throughput/a": doubled,
    }
    row = {"method": "LDM-8 (100 steps, 410K)", "group": "LSUN-Churches", "result": "a", "throughput": "a"}
    table = made("table_18", [row], contents)
    assert ours(table)["fid"] == "missing: two results for one cell"
    assert ours(table)["recall"] == "0.50"
    assert table.problems == (
        "tables.table_18.rows[0]: column fid: two results for one cell: "
        "data/08_reporting/metrics/unconditional/a.json (metrics.fid) and "
        "data/08_reporting/metrics/throughput/a.json (metrics.fid); name only one of them",
    )


def test_a_missing_throughput_leaves_the_evaluations_columns(results: dict[str, Any]) -> None:
    contents = {"result/i/a": evaluated("a", {"fid": 4.0}), "throughput/throughput/a": {"missing": "not run"}}
    shown = ours(made("table_06", [{"method": "LDM-4 (VQ, w/ attn)", "result": "a", "throughput": "a"}], contents))
    assert (shown["fid_2k_epoch6"], shown["train_samples_per_s"]) == ("4.00", "missing: not run")


def test_a_metric_that_is_missing_is_said_with_file_and_key(results: dict[str, Any]) -> None:
    del results["digits_ldm4"]["metrics"]["precision"]
    table = made("table_03", [{"method": "LDM-4", "result": "digits_ldm4"}], stored(results))
    line: Line = next(line for line in table.lines if line.ours)
    assert [cell.missing for cell in line.cells] == [False, False, True, False, False]
    note = 'Not measured: no "precision" in metrics of data/08_reporting/metrics/samples/digits_ldm4.json.'
    assert any(footnote.text.endswith(note) for footnote in table.footnotes)
    assert not table.problems
