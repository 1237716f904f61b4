"""The report as people use it: with keys, on a phone, in the dark, on paper, in Chromium."""

import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.browser import Browser, Page, needs_browser
from support.study_tables import of_the_study

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
    assert page.text("#theme") == f"Use {'light' if dark else 'dark'} theme"
    page.click("#theme")
    assert page.evaluate(ground) == colours[not dark]
    assert page.text("#theme") == f"Use {'dark' if dark else 'light'} theme"


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


def test_a_report_is_printed_on_white_without_the_pages_of_single_runs(browser: Browser, address: str) -> None:
    page = browser.open(address, dark=True)
    page.click("#theme")
    page.click("#theme")  # dark by choice
    page.media("print")
    assert shown(page) == ["overview", "tables", "figures", "pictures", "graph", "runs", "results"]
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not page.shown("header.site")
    assert not page.shown(".graph")
    assert page.shown("#graph .of-list")
    assert page.evaluate("getComputedStyle(document.body).fontSize") == "12px"  # 9 pt


def test_a_run_is_printed_alone_where_it_is_the_page_that_is_shown(browser: Browser, address: str) -> None:
    page = browser.open(f"{address}#ldms-digits_class")
    page.media("print")
    assert shown(page) == ["ldms-digits_class"]


def test_nothing_is_wider_than_paper_which_would_shrink_every_page(
    browser: Browser, write: Callable[..., Path]
) -> None:
    page = browser.open(write(tables=of_the_study()).as_uri(), width=709, height=950)  # Letter without its margins
    page.media("print")
    assert page.evaluate("document.documentElement.scrollWidth") <= 709
    wide = "[...document.querySelectorAll('.table')].filter(t => t.querySelector('table').offsetWidth > t.offsetWidth)"
    assert page.evaluate(f"{wide}.map(t => t.id)") == []
    notes, table = page.box("#table_03 .notes"), page.box("#table_03 table")
    assert notes["width"] == pytest.approx(table["width"], abs=2)


def test_the_row_of_ours_has_a_border_and_no_shadow_which_paper_smears(browser: Browser, address: str) -> None:
    page = browser.open(f"{address}#tables")
    style = "getComputedStyle(document.querySelector('#table_03 .ours th'))"
    assert page.evaluate(f"{style}.boxShadow") == "none"
    assert page.evaluate(f"{style}.borderLeftWidth") == "3px"


def test_the_graph_fits_the_window_until_its_actual_size_is_asked_for(browser: Browser, address: str) -> None:
    page = browser.open(f"{address}#graph")
    whole = float(page.evaluate("document.querySelector('.graph svg').getAttribute('width')"))
    assert page.box(".graph svg")["width"] <= page.box(".graph")["width"] < whole
    page.click("#zoom")
    assert page.box(".graph svg")["width"] == whole
    assert page.evaluate("document.getElementById('zoom').ariaPressed") == "true"
    page.click("#zoom")
    assert page.box(".graph svg")["width"] <= page.box(".graph")["width"]


def test_a_box_that_has_the_focus_shows_the_arrows_that_longer_paths_imply(browser: Browser, address: str) -> None:
    page = browser.open(f"{address}#graph")
    implied = "#graph path[data-start='datasets-digits'][data-end='ldms-digits_class']"
    assert not page.shown(implied)
    page.evaluate("document.querySelector('.graph a[href=\"#ldms-digits_class\"]').focus()")
    assert page.shown(implied)
    page.evaluate("document.activeElement.blur()")
    assert not page.shown(implied)


def test_a_finger_sees_the_arrows_of_a_box_first_and_follows_it_by_a_second_tap(browser: Browser, address: str) -> None:
    page = browser.open(f"{address}#graph", width=1024, height=768, phone=True)
    box = ".graph a[href='#ldms-digits_class']"
    page.tap(box)
    page.wait("document.querySelectorAll('#graph path.near').length > 0")
    assert shown(page) == ["graph"]
    page.tap(box)
    now_at(page, "ldms-digits_class")


def test_on_a_phone_the_graph_is_a_list(browser: Browser, address: str) -> None:
    page = browser.open(f"{address}#graph", width=390, height=844, phone=True)
    assert not page.shown(".graph")
    assert "Models\ndigits_class from digits_kl" in page.text("#graph .of-list").replace("\n\n", "\n")


def test_the_title_follows_the_page(browser: Browser, address: str) -> None:
    page = browser.open(address)
    study = "Latent diffusion: the mini study"
    assert page.evaluate("document.title") == study
    for part, title in (
        ("tables", "Table"),
        ("ldms-digits_class", "Diffusion model digits_class"),
        ("table_03", "Table"),
    ):
        page.evaluate(f"location.hash = '{part}'")
        page.wait(f"document.title === {json.dumps(f'{title} · {study}')}")
    page.evaluate("location.hash = 'overview'")
    page.wait(f"document.title === {json.dumps(study)}")


def test_letters_at_numbers_are_large_enough_for_a_finger_and_do_not_overlap(
    browser: Browser, write: Callable[..., Path]
) -> None:
    report = write(tables=[table for table in of_the_study() if table.number in (3, 5, 6)])  # one to three letters
    page = browser.open(f"{report.as_uri()}#tables", width=390, height=844, phone=True)
    boxes = page.evaluate("[...document.querySelectorAll('.marks a')].map(a => a.getBoundingClientRect().toJSON())")
    assert len(boxes) > 50
    assert all(box["width"] >= 24 and box["height"] >= 24 for box in boxes)
    for one, other in itertools.combinations(boxes, 2):
        across = min(one["right"], other["right"]) - max(one["left"], other["left"])
        down = min(one["bottom"], other["bottom"]) - max(one["top"], other["top"])
        assert min(across, down) < 0.5


def test_the_overview_shows_a_picture_of_each_task_that_leads_to_it(browser: Browser, address: str) -> None:
    page = browser.open(address)
    assert page.evaluate("document.querySelector('.highlights img').naturalWidth") == 90
    page.click(".highlights a")
    page.wait("document.getElementById('pictures').classList.contains('shown')")
    assert page.evaluate("location.hash") == "#picture-samples-digits_class"
    assert shown(page) == ["pictures"]


def test_without_scripts_everything_is_there(browser: Browser, address: str) -> None:
    page = browser.open("about:blank")
    page.scripts(False)
    page.go(address)
    page.scripts(True)
    assert len(shown(page)) == page.evaluate("document.querySelectorAll('.page').length")
