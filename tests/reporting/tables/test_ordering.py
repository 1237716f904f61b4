"""Where rows of ours are not ordered as the published rows that they reproduce."""

from dataclasses import replace

import pytest

from ldm_pipelines.reporting.tables.layout import Cell, Heading, Line
from ldm_pipelines.reporting.tables.ordering import unlike_the_paper

FID, IS, SIZE = Heading("fid", "FID", "lower"), Heading("is", "IS", "higher"), Heading("n_params", "Nparams", "lower")


Interval = tuple[float, float]


def line(method: str, *values: float | None, ours: bool = False, on: str = "digits", group: str = "") -> Line:
    cells = tuple(Cell("–" if value is None else f"{value:.2f}", value=value) for value in values)
    return Line(method, cells, group=group, ours=ours, measured_on=(on,) if ours else ())


def between(method: str, value: float, interval: Interval | None) -> Line:
    return replace(line(method, ours=True), cells=(Cell(f"{value:.2f}", value=value, interval=interval),))


NOTHING: tuple[list[str], str] = ([], "")
ONLY_PAIR = (
    "FID orders the only pair of our rows unlike the paper: plain (0.16) is better than guided (0.33), in the paper "
    "10.56 and 3.60"
)
PLAIN, GUIDED = line("LDM-4", 10.56, 103.49), line("LDM-4-G", 3.6, 247.67)


def test_a_pair_that_is_the_other_way_round_is_told_with_all_four_values() -> None:
    lines = [PLAIN, line("plain", 0.16, 8.38, ours=True), GUIDED, line("guided", 0.33, 8.81, ours=True)]
    assert unlike_the_paper(lines, [FID, IS]) == ([f"{ONLY_PAIR}."], "")
    assert unlike_the_paper(lines[:2], [FID, IS]) == NOTHING


@pytest.mark.parametrize(
    "other",
    [
        line("guided", 0.33, ours=True, on="photographs"),
        line("guided", 0.33, ours=True, group="another task"),
        line("guided", None, ours=True),
        replace(line("guided", 0.33, ours=True), compared=False),
    ],
    ids=["other data", "another group", "not measured", "no counterpart in the paper"],
)
def test_what_cannot_be_compared_is_not(other: Line) -> None:
    lines = [PLAIN, line("plain", 0.16, ours=True), GUIDED, other]
    assert unlike_the_paper(lines, [FID]) == NOTHING
    assert unlike_the_paper([*lines[:3], line("guided", 0.33, ours=True)], [SIZE]) == NOTHING


@pytest.mark.parametrize(
    ("plain", "guided", "told_apart"),
    [
        ((0.036, 0.392), (0.175, 0.554), False),
        ((0.036, 0.175), (0.175, 0.554), False),
        ((0.1, 0.2), (0.25, 0.4), True),
        ((0.1, 0.4), None, True),
        (None, None, True),
    ],
)
def test_a_pair_is_told_only_where_the_intervals_of_its_values_lie_apart(
    plain: Interval | None, guided: Interval | None, told_apart: bool
) -> None:
    lines = [PLAIN, between("plain", 0.16, plain), GUIDED, between("guided", 0.33, guided)]
    undecided = "Within the error, so not held against the paper: FID (the only pair)."
    assert unlike_the_paper(lines, [FID]) == (([f"{ONLY_PAIR}."], "") if told_apart else ([], undecided))


def test_values_that_look_equal_are_within_the_error() -> None:
    lines = [PLAIN, line("plain", 0.16, ours=True), GUIDED, line("guided", 0.161, ours=True)]
    assert unlike_the_paper(lines, [FID]) == (
        [],
        "Within the error, so not held against the paper: FID (the only pair).",
    )


def test_pairs_within_the_error_are_counted_beside_those_that_are_told() -> None:
    published = [line(name, fid) for name, fid in (("A", 8.0), ("B", 4.0), ("C", 2.0))]
    mine = [between(name, fid, (fid - 0.6, fid + 0.6)) for name, fid in (("a", 1.0), ("b", 2.0), ("c", 3.0))]
    lines = [each for pair in zip(published, mine, strict=True) for each in pair]
    assert unlike_the_paper(lines, [FID]) == (
        [
            "FID orders 1 of 3 pairs of our rows unlike the paper (2 within the error): a (1.00) is better than c (3.00), "
            "in the paper 8.00 and 2.00."
        ],
        "",
    )


def test_where_models_were_trained_for_different_times_it_stands_beside_their_values() -> None:
    pixels, latents = (
        replace(line(name, ours=True), cells=(Cell(text, value=float(text), epochs=epochs),))
        for name, text, epochs in (("pixels", "0.21", 4.83), ("latents", "2.49", 7.25))
    )
    (sentence,), _ = unlike_the_paper([PLAIN, pixels, GUIDED, latents], [FID])
    assert "pixels (0.21 after 4.8 epochs) is better than latents (2.49 after 7.2 epochs), in" in sentence


def test_two_rows_below_one_published_row_are_not_compared() -> None:
    lines = [PLAIN, line("plain", 0.16, ours=True), line("again", 0.33, ours=True)]
    assert unlike_the_paper(lines, [FID]) == NOTHING


def test_of_many_pairs_those_are_named_that_the_paper_tells_apart_best() -> None:
    published = [line(name, fid) for name, fid in (("A", 8.0), ("B", 4.0), ("C", 2.0), ("D", 1.9))]
    mine = [line(name, fid, ours=True) for name, fid in (("a", 1.0), ("b", 2.0), ("c", 3.0), ("d", 4.0))]
    lines = [each for pair in zip(published, mine, strict=True) for each in pair]
    (sentence,), _ = unlike_the_paper(lines, [FID])
    assert sentence == (
        "FID orders 6 of 6 pairs of our rows unlike the paper: a (1.00) is better than d (4.00), in the paper 8.00 and "
        "1.90; a (1.00) is better than c (3.00), in the paper 8.00 and 2.00; and 4 more."
    )
