"""Where rows of ours are not ordered as the published rows that they reproduce."""

from dataclasses import replace

import pytest

from ldm_pipelines.reporting.tables.layout import Cell, Heading, Line
from ldm_pipelines.reporting.tables.ordering import unlike_the_paper

FID, IS, SIZE = Heading("fid", "FID", "lower"), Heading("is", "IS", "higher"), Heading("n_params", "Nparams", "lower")


def line(method: str, *values: float | None, ours: bool = False, on: str = "digits", group: str = "") -> Line:
    cells = tuple(Cell("–" if value is None else f"{value:.2f}", value=value) for value in values)
    return Line(method, cells, group=group, ours=ours, measured_on=(on,) if ours else ())


PLAIN, GUIDED = line("LDM-4", 10.56, 103.49), line("LDM-4-G", 3.6, 247.67)


def test_a_pair_that_is_the_other_way_round_is_told_with_all_four_values() -> None:
    lines = [PLAIN, line("plain", 0.16, 8.38, ours=True), GUIDED, line("guided", 0.33, 8.81, ours=True)]
    assert unlike_the_paper(lines, [FID, IS]) == [
        "FID orders the only pair of our rows unlike the paper: plain (0.16) is better than guided (0.33), "
        "in the paper 10.56 and 3.60."
    ]
    assert unlike_the_paper(lines[:2], [FID, IS]) == []


@pytest.mark.parametrize(
    "other",
    [
        line("guided", 0.33, ours=True, on="photographs"),
        line("guided", 0.33, ours=True, group="another task"),
        line("guided", None, ours=True),
        line("guided", 0.161, ours=True),
    ],
    ids=["other data", "another group", "not measured", "looks equal"],
)
def test_what_cannot_be_compared_is_not(other: Line) -> None:
    lines = [PLAIN, line("plain", 0.16, ours=True), GUIDED, other]
    assert unlike_the_paper(lines, [FID]) == []
    assert unlike_the_paper([*lines[:3], replace(other, cells=(Cell("0.33", value=0.33),), group="")], [SIZE]) == []


def test_two_rows_below_one_published_row_are_not_compared() -> None:
    lines = [PLAIN, line("plain", 0.16, ours=True), line("again", 0.33, ours=True)]
    assert unlike_the_paper(lines, [FID]) == []


def test_of_many_pairs_those_are_named_that_the_paper_tells_apart_best() -> None:
    published = [line(name, fid) for name, fid in (("A", 8.0), ("B", 4.0), ("C", 2.0), ("D", 1.9))]
    mine = [line(name, fid, ours=True) for name, fid in (("a", 1.0), ("b", 2.0), ("c", 3.0), ("d", 4.0))]
    lines = [each for pair in zip(published, mine, strict=True) for each in pair]
    (sentence,) = unlike_the_paper(lines, [FID])
    assert sentence == (
        "FID orders 6 of 6 pairs of our rows unlike the paper: a (1.00) is better than d (4.00), in the paper 8.00 and "
        "1.90; a (1.00) is better than c (3.00), in the paper 8.00 and 2.00; and 4 more."
    )
