"""The report as people use it: with keys, on a phone, in the dark, in Chromium."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.browser import Browser, Page, needs_browser

from ldm_pipelines.reporting.tables.layout import RenderedTable, Source

pytestmark = needs_browser
COLUMN = "[...document.querySelectorAll('#table_03 tbody tr')].map(row => row.cells[1].textContent.trim())"
FID = "#table_03 thead th:nth-child(2)"


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    with Browser(tmp_path / "browser") as browser:
        yield browser


@pytest.fixture
def address(write: Callable[..., Path]) -> str:
    return write().as_uri()


def shown(page: Page) -> list[str]:
    """The parts that are to be seen."""
    return list(
        page.evaluate("[...document.querySelectorAll('.page')].filter(p => p.getClientRects().length).map(p => p.id)")
    )


def now_at(page: Page, part: str) -> None:
    """Wait until the address names this part and the page has followed."""
    page.wait(f"location.hash === '#{part}' && document.getElementById('{part}').classList.contains('shown')")


def test_it_asks_for_itself_alone_and_nothing_fails(browser: Browser, address: str) -> None:
    page = browser.open(address)
    for part in ("tables", "figures", "pictures", "graph", "runs", "results", "ldms-digits_class"):
        page.evaluate(f"location.hash = '{part}'")
        now_at(page, part)
    assert page.errors() == []
    assert page.requests() == [address]


def test_the_address_chooses_the_part_that_is_shown(browser: Browser, address: str) -> None:
    page = browser.open(address)
    assert shown(page) == ["overview"]
    page.click("nav a[href='#tables']")
    now_at(page, "tables")
    assert shown(page) == ["tables"]
    page.click("#table_03 .ours a.result")
    now_at(page, "result-evaluations-digits_ldm4")
    assert shown(page) == ["result-evaluations-digits_ldm4"]
    assert page.evaluate("document.activeElement.id") == "result-evaluations-digits_ldm4-heading"
    assert page.text("nav a[aria-current]") == "Results"
    page.evaluate("history.back()")
    now_at(page, "tables")
    assert shown(page) == ["tables"]


def test_a_heading_sorts_its_table_by_keyboard(browser: Browser, address: str) -> None:
    page = browser.open(f"{address}#tables")
    before = page.evaluate(COLUMN)
    page.evaluate(f"document.querySelector('{FID} button').focus()")
    page.press("Enter")
    ascending = page.evaluate(COLUMN)
    numbers = [float(text.split(" ")[0]) for text in ascending]
    assert numbers == sorted(numbers)
    assert ascending != before
    assert page.evaluate(f"document.querySelector('{FID}').ariaSort") == "ascending"
    page.press("Enter")
    assert page.evaluate(COLUMN) == ascending[::-1]
    assert page.evaluate(f"document.querySelector('{FID}').ariaSort") == "descending"
    page.press("Enter")
    assert page.evaluate(COLUMN) == before
    assert page.evaluate(f"document.querySelector('{FID}').ariaSort") == "none"


def test_counts_of_parameters_are_sorted_by_what_they_are_worth(browser: Browser, address: str) -> None:
    page = browser.open(f"{address}#tables")
    page.click("#table_03 thead th:nth-child(6) button")
    counts = page.evaluate(
        "[...document.querySelectorAll('#table_03 tbody tr')].map(row => row.cells[5].textContent.trim())"
    )
    assert counts == ["812k", "812k", "340M", "400M", "400M", "554M", "608M"]


def test_a_letter_at_a_number_leads_to_its_note(browser: Browser, address: str) -> None:
    page = browser.open(f"{address}#tables")
    page.click("#table_03 .ours td .marks a")
    page.wait("location.hash === '#table_03-a'")
    assert page.evaluate("document.querySelector('#table_03-a:target dd').textContent").startswith(
        "images of digits (ImageNet)"
    )


def test_a_picture_is_enlarged_by_enter_and_put_back_by_escape(browser: Browser, address: str) -> None:
    page = browser.open(f"{address}#pictures")
    page.evaluate("document.querySelector('.enlarge').focus()")
    page.press("Enter")
    page.wait("document.querySelector('dialog').open")
    assert page.evaluate("document.querySelector('dialog img').naturalWidth") == 90
    assert page.text("#enlarged-title").startswith("Class-conditional")
    page.press("Escape")
    page.wait("!document.querySelector('dialog').open")
    assert page.evaluate("document.activeElement.className") == "enlarge"


@pytest.mark.parametrize("dark", [False, True])
def test_colours_follow_the_system_until_the_button_is_pressed(browser: Browser, address: str, dark: bool) -> None:
    page = browser.open(address, dark=dark)
    ground = "getComputedStyle(document.body).backgroundColor"
    colours = {False: "rgb(251, 250, 248)", True: "rgb(18, 21, 23)"}
    assert page.evaluate(ground) == colours[dark]
    page.click("#theme")
    assert page.evaluate(ground) == colours[not dark]


@pytest.mark.parametrize("dark", [False, True])
def test_what_figures_say_has_the_colour_of_the_text_around_them(browser: Browser, address: str, dark: bool) -> None:
    page = browser.open(f"{address}#figures", dark=dark)
    inks = {False: "rgb(29, 33, 38)", True: "rgb(230, 232, 234)"}
    assert page.evaluate("getComputedStyle(document.querySelector('.plot text')).fill") == inks[dark]
    page.click("#theme")
    assert page.evaluate("getComputedStyle(document.querySelector('.plot text')).fill") == inks[not dark]


def test_no_part_is_wider_than_a_phone(browser: Browser, write: Callable[..., Path], table_3: RenderedTable) -> None:
    line = replace(table_3.lines[-1], sources=(Source("super_resolution/" + "a_long_name_" * 6),))
    page = browser.open(write(tables=[replace(table_3, lines=(line,))]).as_uri(), width=390, height=844, phone=True)
    parts = page.evaluate("[...document.querySelectorAll('.page')].map(p => p.id)")
    assert len(parts) > 10
    for part in parts:
        page.evaluate(f"location.hash = '{part}'")
        now_at(page, part)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, part


def test_everything_is_printed_on_white(browser: Browser, address: str) -> None:
    page = browser.open(address, dark=True)
    page.click("#theme")
    page.click("#theme")  # dark by choice
    page.media("print")
    parts = page.evaluate("document.querySelectorAll('.page').length")
    assert len(shown(page)) == parts
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not page.shown("header.site")


def test_without_scripts_everything_is_there(browser: Browser, address: str) -> None:
    page = browser.open("about:blank")
    page.scripts(False)
    page.go(address)
    page.scripts(True)
    assert len(shown(page)) == page.evaluate("document.querySelectorAll('.page').length")
