import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldm_pipelines.reporting.paper.printed import Printed, number, show, show_count, show_like


@pytest.mark.parametrize(
    ("value", "text", "worth"),
    [
        (Printed("3.60"), "3.60", 3.6),
        (Printed("27.10"), "27.10", 27.1),
        (16384, "16384", 16384.0),
        ("400M", "400M", 4e8),
        ("1.45B", "1.45B", 1.45e9),
        ("64x64x3", "64x64x3", None),
        ([128, 256], "128–256", None),
        (None, "–", None),
    ],
)
def test_published_values_keep_their_digits(value: object, text: str, worth: float | None) -> None:
    assert show(value) == text
    assert number(value) == (pytest.approx(worth) if worth is not None else None)


@pytest.mark.parametrize(
    ("value", "std", "published", "shown"),
    [
        (8.7649, 0.2149, [Printed("103.49"), Printed("203.6")], ("8.76", "0.21")),
        (3.6, None, [Printed("10.56")], ("3.60", "")),
        (0.0213, 0.0042, [Printed("0.53")], ("0.021", "0.004")),
        (0.00004217, None, [Printed("0.53")], ("0.00004", "")),
        (0.0, None, [Printed("0.53")], ("0.00", "")),
        (4.0, None, [16, None], ("4", "")),
        (812_345.0, None, ["400M", None], ("812k", "")),
    ],
)
def test_our_values_follow_the_column(
    value: float, std: float | None, published: list[object], shown: tuple[str, str]
) -> None:
    assert show_like(value, std, published) == shown


@pytest.mark.parametrize(
    ("count", "text"),
    [(7.0, "7"), (999.0, "999"), (1234.0, "1.23k"), (55_300_000.0, "55.3M"), (999_600.0, "1.00M"), (1.45e9, "1.45B")],
)
def test_counts_have_three_digits_and_a_suffix(count: float, text: str) -> None:
    assert show_count(count) == text


@given(st.integers(1000, 10**12))
def test_a_shown_count_is_worth_what_it_counts(count: int) -> None:
    assert number(show_count(count)) == pytest.approx(count, rel=0.0051)


@given(st.decimals(min_value=0, max_value=10**6, places=3))
def test_printed_numbers_are_numbers(value: object) -> None:
    assert Printed(str(value)) == float(str(value))
    assert Printed(str(value)).text == str(value)
