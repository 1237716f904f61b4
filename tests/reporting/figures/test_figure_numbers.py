"""The numbers of a figure, and what is said about those that are not there."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pydantic import ValidationError
from support.figure_results import FACTORS, FIDS, STEP_SECONDS, figure, reconstruction

from ldm_pipelines.reporting.figures.figure_file import FigureFile

Make = Callable[..., FigureFile]

Results = dict[str, dict[str, Any]]


def plotted(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(folder / name / f"{name}.csv")


def of(table: pd.DataFrame, line: str, y: str) -> pd.DataFrame:
    return table[(table.line == line) & (table.y == y)]


def test_figure_6_has_fid_and_is_at_every_training_step(make: Make, tmp_path: Path) -> None:
    assert make("training_steps").missing == ()
    table = plotted(tmp_path, "figure_06")
    assert len(table) == len(FACTORS) * 3 * 2
    for f in FACTORS:
        fid = of(table, f"LDM-{f}", "fid")
        assert list(fid.x_value) == [100, 300, 1000]
        assert list(fid.y_value) == list(FIDS[f])
        assert list(of(table, f"LDM-{f}", "is").y_value) == pytest.approx([9 - value / 5 for value in FIDS[f]])
    assert set(table.result) == {f"digits_f{f}_training" for f in FACTORS}


def test_figure_17_counts_steps_times_the_time_of_a_step_in_days(make: Make, tmp_path: Path) -> None:
    make("device_days")
    table = plotted(tmp_path, "figure_17")
    for f in FACTORS:
        fid = of(table, f"LDM-{f}", "fid")
        assert list(fid.x_value) == pytest.approx([steps * STEP_SECONDS[f] / 86_400 for steps in (100, 300, 1000)])
        assert list(fid.y_value) == list(FIDS[f])
        assert list(fid.steps) == [100, 300, 1000]


def test_figure_7_joins_quality_and_speed_at_the_same_number_of_steps(make: Make, tmp_path: Path) -> None:
    make("throughput")
    table = plotted(tmp_path, "figure_07")
    for f in FACTORS:
        line = of(table, f"LDM-{f}", "fid").set_index("steps")
        assert sorted(line.index) == [10, 20, 50, 100, 200]
        for steps in line.index:
            assert line.x_value[steps] == 40 * f / steps
            assert line.y_value[steps] == FIDS[f][-1] * (1 + 20 / steps)


def test_rate_distortion_has_a_line_per_regulariser_and_the_papers_points(make: Make, tmp_path: Path) -> None:
    make("rate_distortion")
    table = plotted(tmp_path, "rate_distortion")
    kl = of(table, "KL", "psnr")
    assert list(zip(kl.x_value, kl.y_value, kl.result, strict=True)) == [
        (2, 39.5, "digits_kl_f2"), (4, 38.3, "digits_kl_f4"), (8, 29.2, "digits_kl_f8")
    ]  # fmt: skip
    assert list(of(table, "VQ", "r_fid").y_value) == pytest.approx([0.015, 0.024, 0.17])
    theirs = table[(table.origin == "paper") & (table.y == "r_fid")]
    assert list(zip(theirs.line, theirs.x_value, theirs.y_value, strict=True)) == [
        ("LDM first stage f=4", 4, 0.58), ("DALL-E f=8", 8, 32.01), ("VQGAN f=16", 16, 4.98)
    ]  # fmt: skip


def test_a_line_without_results_is_named_with_its_reason_and_not_drawn(
    make: Make, results: Results, tmp_path: Path
) -> None:
    del results["analysis/digits_f16_training"]
    results["throughput/digits_class_f1"] = {"missing": "not run"}
    results["analysis/digits_f2_training"]["points"] = "none"
    results["throughput/digits_class_f4"]["provenance"]["ldm"]["name"] = "another"
    made = make("device_days")
    reasons = {missing.label: missing.why for missing in made.missing}
    assert reasons["LDM-16"] == "sweep digits_f16_training: not run"
    assert reasons["LDM-1"] == "throughput digits_class_f1: not run"
    assert reasons["LDM-2"].startswith("sweep digits_f2_training: malformed result (points: ")
    assert reasons["LDM-4"] == "throughput digits_class_f4 is of the LDM another, the sweep of digits_class_f4"
    assert set(plotted(tmp_path, "figure_17").line) == {"LDM-8"}
    for label, why in reasons.items():
        assert f"{label} ({why})" in made.caption
        assert f"Not shown, {label}: " in made.svg


def test_points_without_a_number_are_named_and_the_others_stay(make: Make, results: Results, tmp_path: Path) -> None:
    results["analysis/digits_f4_sampling"]["points"][1]["metrics"]["fid"] = None
    results["analysis/digits_f4_sampling"]["points"][2]["metrics"]["fid"] = float("nan")
    del results["throughput/digits_class_f8"]["points"][0]
    made = make("throughput")
    assert {missing.label: missing.why for missing in made.missing} == {
        "LDM-4": "no FID at 20, 50 steps",
        "LDM-8": "no speed at 10 steps",
    }
    table = plotted(tmp_path, "figure_07")
    assert list(table[table.line == "LDM-4"].steps) == [10, 100, 200]
    assert list(table[table.line == "LDM-8"].steps) == [20, 50, 100, 200]


def test_a_metric_that_was_never_measured_and_a_time_that_is_no_number_are_named(make: Make, results: Results) -> None:
    for point in results["analysis/digits_f4_training"]["points"]:
        del point["metrics"]["is"]
    results["throughput/digits_class_f8"]["metrics"]["train_step_s"] = float("inf")
    assert {missing.label: missing.why for missing in make("device_days").missing} == {
        "LDM-4": "no IS",
        "LDM-8": "the time of a training step was not measured",
    }


def test_lines_on_other_images_or_networks_are_not_put_beside_each_other(make: Make, results: Results) -> None:
    results["analysis/digits_f8_training"]["provenance"]["feature_network"] = {"name": "other", "digest": "00" * 32}
    results["autoencoder_zoo/digits_vq_f4"]["provenance"]["reference"]["dataset"] = "photos"
    (line,) = make("training_steps").missing
    assert line.label == "LDM-8"
    assert line.why == (
        "measured on digits train abababab other 00000000, LDM-1 on digits train abababab digits_classifier 5e5e5e5e"
    )
    (point,) = make("rate_distortion").missing
    assert (point.label, "measured on photos test" in point.why) == ("digits_vq_f4", True)


def test_a_second_first_stage_of_one_f_is_named_instead_of_bending_the_line(make: Make, results: Results) -> None:
    results["autoencoder_zoo/again"] = reconstruction("again", "kl", 4, 10.0, 9.0)
    (missing,) = make("rate_distortion", points=["digits_kl_f4", "again"]).missing
    assert (missing.label, missing.why) == ("again", "KL with f = 4 like digits_kl_f4; a line has one point per f")


def test_a_sweep_along_the_other_axis_is_refused(make: Make, results: Results) -> None:
    results["analysis/digits_f1_training"] = results["analysis/digits_f1_sampling"]
    assert (
        make("training_steps").missing[0].why == "sweep digits_f1_training is along sampler_steps, not training_steps"
    )


def test_without_any_result_there_is_still_a_figure_that_says_so(make: Make, results: Results, tmp_path: Path) -> None:
    results.clear()
    for kind, count in (("training_steps", 5), ("device_days", 5), ("throughput", 5), ("rate_distortion", 6)):
        made = make(kind)
        assert len(made.missing) == count
        assert made.observations == ()
        assert made.sources == ()
        assert "not run" in made.caption
    assert plotted(tmp_path, "figure_06").empty
    assert "nothing measured yet" in (tmp_path / "figure_06" / "figure_06.svg").read_text()
    assert set(plotted(tmp_path, "rate_distortion").origin) == {"paper"}


def test_the_caption_tells_study_samples_sampler_images_and_device(make: Make, results: Results) -> None:
    results["analysis/digits_f8_training"]["provenance"]["protocol"]["samples"] = 500
    caption = make("device_days", remark="Never shown here.").caption
    for part in (
        "the miniature study", "200 to 500 samples per point", "DDIM 50 steps, eta 0.0", "1,452 train images of digits",
        "features of digits_classifier", "cpu, 1 thread, 32-true", "not available",
    ):  # fmt: skip
        assert part in caption
    assert "after 1,000 training steps" in make("throughput").caption


@pytest.mark.parametrize(
    ("kind", "changes", "problem"),
    [
        ("training_steps", {"lines": ()}, "has lines and no points"),
        ("training_steps", {"points": ["digits_kl_f4"]}, "has lines and no points"),
        ("rate_distortion", {"points": ()}, "has points and no lines"),
        ("throughput", {"lines": [{"label": "LDM-4", "sweep": "s"}]}, r"lines\[0\].throughput: throughput needs"),
        ("training_steps", {"lines": [{"label": "a", "sweep": s} for s in "st"]}, "two lines are called 'a'"),
        ("training_steps", {"lines": [{"label": s, "sweep": s} for s in "abcdefg"]}, "at most 6"),
    ],
)
def test_figures_that_cannot_be_drawn_are_refused(kind: Any, changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        figure(kind, **changes)
