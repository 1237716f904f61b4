"""The page in a real browser: answered by keyboard, mouse and touch, and its files read back."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.browser import Browser, Page, needs_browser
from user_study.conftest import STUDY

from ldm_pipelines.user_study.answers import read_answers
from ldm_pipelines.user_study.preference import measure_preference
from ldm_pipelines.user_study.questions import Key

pytestmark = needs_browser
PHONE = {"width": 390, "height": 844, "phone": True}


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    with Browser(tmp_path / "browser") as started:
        yield started


@pytest.fixture
def url(made: Path) -> str:
    return (made / "index.html").as_uri()


def asked(page: Page) -> None:
    """Wait until the page wants an answer."""
    page.wait("document.getElementById('stage').dataset.phase === 'asking'")


def remembered(page: Page) -> list[str]:
    """Ids of the questions that this browser holds answers to."""
    stored = page.evaluate("Object.values(localStorage)[0]")
    return [answer["question"] for answer in json.loads(stored)["answers"]]


def practise(page: Page) -> None:
    page.click("#start")
    for _ in range(2):
        asked(page)
        page.press("1")
    page.wait("!document.getElementById('ready').hidden")
    page.click("#begin")


def answer_all(page: Page, *keys: str) -> None:
    practise(page)
    for place in range(3 * STUDY.questions):
        asked(page)
        page.press(keys[place % len(keys)])
    page.wait("!document.getElementById('done').hidden")


def test_answers_by_keyboard_are_downloaded_and_read(
    browser: Browser, url: str, made: Path, key: Key, tmp_path: Path
) -> None:
    page = browser.open(url)
    answer_all(page, "ArrowLeft", "2", "1", "ArrowRight")
    page.click("#json")
    page.click("#csv")
    of_json, of_csv = browser.downloaded("*.json"), browser.downloaded("*.csv")
    for file in (of_json, of_csv):
        (tmp_path / file.suffix).mkdir()
        file.rename(tmp_path / file.suffix / file.name)
    answers = read_answers(tmp_path / ".json", key)
    assert answers == read_answers(tmp_path / ".csv", key)
    assert [answer.choice for answer in answers] == ["left", "right"] * 2 * 3
    assert sorted(answer.question for answer in answers) == [question.id for question in key.questions]
    assert {answer.views for answer in answers} == {1}
    assert all(answer.shown_ms >= 1000 * STUDY.seconds for answer in answers)
    metrics = measure_preference(STUDY, made, tmp_path / ".json", "samples")["metrics"]
    sides = {question.id: (question.left, question.right) for question in key.questions}
    chosen = [
        sides[answer.question][answer.choice == "right"] for answer in answers if "samples" in sides[answer.question]
    ]
    both = metrics["preference_vs_gt_pct"] + metrics["preference_score_pct"]
    assert both == pytest.approx(100 * chosen.count("samples") / STUDY.questions)
    assert page.errors() == []
    assert set(page.requests()) == {url}


def test_answers_by_touch_on_a_phone(browser: Browser, url: str, key: Key) -> None:
    page = browser.open(url, **PHONE, dark=True)
    page.tap("#start")
    for place in range(2 + 3 * STUDY.questions):
        if place == 2:
            page.wait("!document.getElementById('ready').hidden")
            page.tap("#begin")
        asked(page)
        box = page.box("#left")
        assert min(box["width"], box["height"]) >= 48  # a fingertip
        page.tap("#left" if place % 2 else "#right")
    page.wait("!document.getElementById('done').hidden")
    page.tap("#csv")
    with browser.downloaded("*.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["choice"] for row in rows] == ["right", "left"] * 6
    assert {row["key"] for row in rows} == {key.digest}


def test_images_are_sharp_alike_in_size_and_gone_when_the_answer_is_wanted(browser: Browser, url: str) -> None:
    page = browser.open(url)
    for look in ({}, PHONE):
        page.look(**look)
        page.go(url)
        page.click("#start")
        page.wait("document.getElementById('stage').dataset.phase === 'showing'")
        asked(page)
        boxes = [page.box(selector) for selector in ("#left", ".condition", "#right")]
        assert len({(round(box["width"]), round(box["height"])) for box in boxes}) == 1
        assert boxes[0]["x"] < boxes[1]["x"] < boxes[2]["x"]
        assert boxes[2]["x"] + boxes[2]["width"] <= (look or {"width": 1280})["width"]
        styles = "[...document.querySelectorAll('.stage img')].map((image) => getComputedStyle(image).imageRendering)"
        assert set(page.evaluate(styles)) == {"pixelated"}
        assert not page.shown("#image-left")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_answers_during_the_presentation_do_not_count(browser: Browser, url: str) -> None:
    page = browser.open(url)
    practise(page)
    asked(page)
    # from the moment the images are there: a key in the very same task as the change of phase
    page.evaluate(
        "new MutationObserver(() => { if (document.getElementById('stage').dataset.phase === 'showing')"
        " document.dispatchEvent(new KeyboardEvent('keydown', { key: '1' })) })"
        ".observe(document.getElementById('stage'), { attributes: true })"
    )
    page.press("2")
    page.wait("document.getElementById('count').innerText.startsWith('2 of')")
    asked(page)
    assert len(remembered(page)) == 1


def test_a_reload_goes_on_where_it_stopped_with_the_same_order(browser: Browser, url: str) -> None:
    page = browser.open(url)
    practise(page)
    for _ in range(3):
        asked(page)
        page.press("1")
    asked(page)
    first, order = remembered(page), page.evaluate("JSON.parse(Object.values(localStorage)[0]).participant")
    page.reload()
    assert page.text("#start") == "Go on with question 4 of 12"
    page.click("#start")
    for _ in range(9):
        asked(page)
        page.press("2")
    page.wait("!document.getElementById('done').hidden")
    assert remembered(page)[:3] == first
    assert len(set(remembered(page))) == 12
    session = json.loads(page.evaluate("Object.values(localStorage)[0]"))
    assert session["participant"] == order
    assert [answer["views"] for answer in session["answers"]] == [1, 1, 1, 2, *[1] * 8]  # seen before the reload too
    page.reload()
    assert page.text("#done h1") == "Thank you!"


def test_a_pause_hides_the_pair_and_shows_it_again(browser: Browser, url: str) -> None:
    page = browser.open(url)
    practise(page)
    asked(page)
    page.press("Escape")
    assert page.text("#paused h1") == "Paused"
    page.press("1")
    assert remembered(page) == []
    page.click("#resume")
    asked(page)
    page.click("#left")
    page.wait("document.getElementById('count').innerText.startsWith('2 of')")
    (answer,) = json.loads(page.evaluate("Object.values(localStorage)[0]"))["answers"]
    assert answer["views"] == 2


def test_the_next_participant_gets_another_number_and_another_order(browser: Browser, url: str) -> None:
    page = browser.open(url)
    answer_all(page, "1")
    first, number = remembered(page), page.evaluate("JSON.parse(Object.values(localStorage)[0]).participant")
    assert page.evaluate("document.getElementById('next').disabled")  # not before the answers are safe
    page.click("#json")
    assert number in page.text("#saved")
    page.click("#next")
    assert page.text("#start") == "Start with a short practice"
    answer_all(page, "1")
    assert sorted(remembered(page)) == sorted(first)
    assert remembered(page) != first
    assert page.evaluate("JSON.parse(Object.values(localStorage)[0]).participant") != number


def test_what_happens_is_announced_and_the_focus_is_visible(browser: Browser, url: str) -> None:
    page = browser.open(url, calm=True)
    page.press("Tab")
    assert page.evaluate("document.activeElement.id") == "start"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.press("Enter")
    asked(page)
    assert page.text("#live") == "Left or right?"
    assert page.evaluate("document.getElementById('live').ariaLive") == "polite"
    assert page.evaluate("document.getElementById('sand').getAnimations().length") == 0  # reduced motion
    assert not page.evaluate("document.getElementById('left').disabled")
