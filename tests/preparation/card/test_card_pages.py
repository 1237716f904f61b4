"""The pages of a data card: safe against hostile text, the same bytes every time, readable on a phone."""

import re
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image
from support.browser import Browser, needs_browser
from support.card_dataset import CardDataset, picture

from ldm_pipelines.preparation.card.describe import describe
from ldm_pipelines.preparation.card.wording import markdown, shown
from ldm_pipelines.preparation.card.write import write_card

ATTACK = '<script>alert(1)</script>"><img src=x onerror=alert(2)> [x](javascript:alert(3)) | `y`'


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """The pages of a dataset whose every foreign text is an attack, and whose splits overlap."""
    made = CardDataset([("train", picture(n)) for n in range(4)] + [("test", picture(0))], label=[0, 0, 1, -1, 0])
    made.manifest["caption"] = pd.Series([ATTACK] * 5, dtype="str")
    made.manifest["origin"] = [f"{ATTACK}/{number}.png" for number in range(5)]
    made.manifest["source_mode"] = "<script>mode</script>"
    folder = made.write(
        tmp_path / "dataset",
        rejected=[(f"{ATTACK}.jpg", f"unreadable: {ATTACK}")],
        classes=[ATTACK, "\u202eevil\ncat"],
        ignored={".<script>": 2},
    )
    write_card(describe(folder, made.hashes(), made.thumbnails), tmp_path / "card")
    return tmp_path / "card"


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs


def test_hostile_text_stays_text_in_html(hostile: Path) -> None:
    text = (hostile / "data_card.html").read_text()
    parsed = _Tags()
    parsed.feed(text)
    assert "script" not in parsed.tags
    assert parsed.tags.count("img") == 2
    assert not [name for name, _ in parsed.attributes if name.startswith("on")]
    assert all(str(value).startswith("data:") for name, value in parsed.attributes if name in ("src", "href"))
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "\u202e" not in text


def test_hostile_text_stays_text_in_markdown(hostile: Path) -> None:
    text = (hostile / "data_card.md").read_text()
    assert "<" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert not re.search(r"(?<!\\)\]\(javascript", text)
    rows = [line for line in text.splitlines() if line.startswith("| &lt;script&gt;alert")]
    assert rows
    assert all(len(re.findall(r"(?<!\\)\|", row)) in (3, 4) for row in rows)


def test_warnings_come_before_everything_else(hostile: Path) -> None:
    for name, heading in (("data_card.html", "<h2>"), ("data_card.md", "\n## ")):
        text = (hostile / name).read_text()
        assert 0 < text.index("exact copies of images of train") < text.index(heading)


def test_the_same_dataset_gives_the_same_bytes_without_paths_of_this_machine(tmp_path: Path) -> None:
    made = CardDataset([("train", picture(1)), ("train", picture(2)), ("test", picture(2))])
    folder = made.write(tmp_path / "dataset")
    for name in ("one", "two"):
        write_card(describe(folder, made.hashes(), made.thumbnails), tmp_path / name)
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert files == ["contact_sheet.png", "data_card.html", "data_card.md", "leaks.csv", "near_duplicates.png"]
    for file in files:
        content = (tmp_path / "one" / file).read_bytes()
        assert content == (tmp_path / "two" / file).read_bytes()
        assert str(tmp_path).encode() not in content


def test_pictures_of_an_earlier_card_do_not_stay(tmp_path: Path) -> None:
    leaking = CardDataset([("train", picture(2)), ("test", picture(2))])
    clean = CardDataset([("train", picture(2)), ("test", picture(3))])
    for made in (leaking, clean):
        write_card(describe(made.write(tmp_path / "d"), made.hashes(), made.thumbnails), tmp_path / "card")
    assert not (tmp_path / "card" / "near_duplicates.png").exists()


def test_the_contact_sheet_is_embedded_and_lies_beside_the_text(hostile: Path) -> None:
    png = (hostile / "contact_sheet.png").read_bytes()
    with Image.open(BytesIO(png)) as sheet:
        assert sheet.mode == "RGBA"
        assert sheet.getpixel((sheet.width - 1, sheet.height - 1))[3] == 0
        tile = sheet.crop((6, 24, 102, 120)).convert("RGB")  # the first of the first split
        assert sheet.getpixel((54, 72))[3] == 255
    middle, wanted = tile.getpixel((48, 48)), picture(0).getpixel((32, 32))
    assert all(abs(a - b) < 40 for a, b in zip(middle, wanted, strict=True))
    assert "](contact_sheet.png)" in (hostile / "data_card.md").read_text()


def test_foreign_text_is_shown_on_one_line_of_limited_length() -> None:
    assert shown("a\n b\t\x00c\u202ed") == "a b \N{REPLACEMENT CHARACTER}c\N{REPLACEMENT CHARACTER}d"
    assert len(shown("x" * 5000)) == 161
    assert shown("日本語 👩‍🚀") == "日本語 👩‍🚀"
    assert markdown("a|b <i> *c* www.x") == r"a\|b &lt;i&gt; \*c\* www\.x"


@needs_browser
def test_the_page_fits_a_phone_and_asks_for_nothing(hostile: Path, tmp_path: Path) -> None:
    with Browser(tmp_path) as browser:
        for dark in (False, True):
            page = browser.open((hostile / "data_card.html").as_uri(), width=390, height=844, phone=True, dark=dark)
            assert page.evaluate("document.documentElement.scrollWidth") <= 390
            assert len(page.requests()) == 1
            assert page.errors() == []
            assert page.evaluate("[...document.images].every(image => image.naturalWidth > 100)")
            background = page.evaluate("getComputedStyle(document.body).backgroundColor")
            assert background == ("rgb(18, 21, 23)" if dark else "rgb(251, 250, 248)")
