"""Curves as line charts, and the study as a graph."""

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.small_study import PARAMETERS

from ldm_pipelines.reporting.pages.charts import chart, charts, powers, steps
from ldm_pipelines.reporting.pages.graph import anchor, draw, made_from
from ldm_pipelines.reporting.pages.report import entities_of

MAGNITUDES = st.floats(1e-9, 1e9)


def test_training_and_validation_of_a_quantity_share_a_chart_and_the_loss_is_first(tmp_path: Path) -> None:
    file = tmp_path / "curves.csv"
    file.write_text("step,train_accuracy,train_loss,val_loss\n10,0.5,2.0,\n20,0.75,1.0,1.5\n")
    loss, accuracy = charts(file)
    assert [line.part for line in loss.lines] == ["training", "validation"]
    assert loss.quantity == "loss"
    assert loss.alt == "loss over 20 training steps: training from 2 to 1; validation from 1.5 to 1.5"
    assert [line.part for line in accuracy.lines] == ["training"]
    assert charts(tmp_path / "none.csv") == []


def test_a_chart_places_values_by_its_axes() -> None:
    drawn = chart("loss", {"training": [(0, 0.0), (50, 5.0), (100, 10.0)]})
    first, middle, last = ([float(v) for v in point.split(",")] for point in drawn.lines[0].points.split())
    assert first == [drawn.left, drawn.bottom]
    assert last == [drawn.right, drawn.top]
    assert middle == [(drawn.left + drawn.right) / 2, (drawn.top + drawn.bottom) / 2]
    assert [tick.text for tick in drawn.y_ticks] == ["0", "2", "4", "6", "8", "10"]
    assert not drawn.logarithmic


def test_values_over_many_magnitudes_are_logarithmic_and_equal_ratios_equally_far() -> None:
    drawn = chart("loss", {"training": [(0, 100.0), (1, 1.0), (2, 0.01)]})
    heights = [float(point.split(",")[1]) for point in drawn.lines[0].points.split()]
    assert drawn.logarithmic
    assert heights[1] - heights[0] == pytest.approx(heights[2] - heights[1], abs=0.11)
    assert {"0.01", "1", "100"} <= {tick.text for tick in drawn.y_ticks}


@pytest.mark.parametrize("values", [[1.0], [0.0, 0.0], [-3.0, -3.0], [float("nan"), 2.0]])
def test_one_value_constant_values_and_values_that_are_none_can_be_drawn(tmp_path: Path, values: list[float]) -> None:
    file = tmp_path / "curves.csv"
    file.write_text("step,train_loss\n" + "".join(f"{i},{value}\n" for i, value in enumerate(values)))
    (drawn,) = charts(file)
    assert "nan" not in drawn.lines[0].points


@given(MAGNITUDES, MAGNITUDES)
@example(1.0000000000000003e-09, 1e-09)
def test_round_steps_reach_over_the_values_and_are_few(one: float, other: float) -> None:
    low, high = sorted((one, other))
    ticks = steps(low, high)
    span = max(high - low, ticks[1] - ticks[0])
    assert ticks[0] <= low + 1e-6 * span
    assert ticks[-1] >= high - 1e-6 * span
    assert 2 <= len(ticks) <= 8


@given(MAGNITUDES, st.floats(20, 1e6))
def test_ticks_of_a_logarithmic_axis_lie_within_the_values(low: float, ratio: float) -> None:
    ticks = powers(low, low * ratio)
    assert len(ticks) >= 2
    assert low <= ticks[0] < ticks[-1] <= low * ratio


def test_an_entity_is_made_from_what_its_parameters_name() -> None:
    sources = made_from(entities_of(PARAMETERS))
    assert sources["ldms", "digits_class"] == [
        ("autoencoders", "kl_f4"),
        ("datasets", "digits"),
        ("latents", "digits_kl"),
    ]
    assert sources["tables", "table_03"] == [("evaluations", "digits_ldm4")]
    assert sources["tables", "table_04"] == [("user_studies", "asked")]  # by its rival's result
    assert sources["tables", "table_05"] == [("evaluations", "digits_ldm4"), ("evaluations", "digits_ldm4_g")]
    assert sources["tables", "table_12"] == [("ldms", "digits_class")]
    assert sources["figures", "rate"] == [("reconstructions", "not_run")]
    assert sources["sweeps", "over_steps"] == [("ldms", "digits_class")]
    assert ("compute", "device") not in sources


def test_arrows_that_longer_paths_imply_are_told_apart_and_all_point_to_the_right() -> None:
    picture = draw(entities_of(PARAMETERS))
    arrows = {(arrow.start, arrow.end): arrow.implied for arrow in picture.arrows}
    assert arrows["latents-digits_kl", "ldms-digits_class"] is False
    assert arrows["autoencoders-kl_f4", "ldms-digits_class"] is True
    assert arrows["datasets-digits", "ldms-digits_class"] is True
    boxes = {box.href: box for _, column in picture.columns for box in column}
    assert boxes["ldms-digits_class"].sources == (("latents", "digits_kl"),)
    assert all(boxes[start].x < boxes[end].x for start, end in arrows)
    assert len({(box.x, box.y) for box in boxes.values()}) == len(boxes)


def test_what_was_measured_has_the_address_that_tables_lead_to() -> None:
    assert anchor(("evaluations", "x")) == "result-evaluations-x"
    assert anchor(("sweeps", "x")) == "result-sweeps-x"
    assert anchor(("tables", "table_03")) == "table_03"
    assert anchor(("figures", "rate")) == "figure-rate"
    assert anchor(("ldms", "x")) == "ldms-x"
