"""SVG, PNG, CSV and JSON as files and inside pages."""

import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from ldm_pipelines.errors import InputError
from ldm_pipelines.reporting.figures.figure_file import FigureFile, read
from ldm_pipelines.reporting.figures.style import DPI, GREY, INK, INK_ON_DARK, LINES, WIDTH

Make = Callable[..., FigureFile]

KINDS = ("training_steps", "device_days", "throughput", "rate_distortion")
ALLOWED = {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
"""Names of XML namespaces: nothing is fetched from them."""


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.*")}


def parsed(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)  # noqa: S314 - drawn by us


def ids(svg: str) -> list[str]:
    return [element.attrib["id"] for element in parsed(svg).iter() if "id" in element.attrib]


def contrast(one: str, other: str) -> float:
    """Of two colours, by WCAG 2."""

    def luminance(colour: str) -> float:
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_results_give_the_same_bytes(make: Make, kind: Any, tmp_path: Path) -> None:
    for folder in ("one", "two"):
        make(kind, tmp_path / folder)
    assert len(contents(tmp_path / "one")) == 4
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_settings_of_the_user_do_not_change_a_figure(make: Make, tmp_path: Path) -> None:
    import matplotlib

    make("throughput", tmp_path / "one")
    with matplotlib.rc_context({"lines.linewidth": 9, "font.size": 30, "svg.fonttype": "path", "savefig.dpi": 30}):
        make("throughput", tmp_path / "two")
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


@pytest.mark.parametrize("kind", KINDS)
def test_an_svg_is_described_and_refers_to_nothing_outside(make: Make, kind: Any) -> None:
    made = make(kind, title="A <b> & C")
    root = parsed(made.svg)
    assert root.findtext("{http://www.w3.org/2000/svg}title") == "A <b> & C"
    assert root.findtext("{http://www.w3.org/2000/svg}desc") == made.alt
    assert root.attrib["aria-labelledby"].split() == ["title", "description"]
    assert set(re.findall(r"[a-z]+://[^\"' <>]+", made.svg)) == ALLOWED
    assert "<!DOCTYPE" not in made.svg
    links = [value for element in root.iter() for key, value in element.attrib.items() if key.endswith("href")]
    assert {link.removeprefix("#") for link in links} <= set(ids(made.svg))


def test_text_in_an_svg_is_text_in_the_colour_of_its_surroundings(make: Make) -> None:
    svg = make("throughput").svg
    assert ">Throughput in samples/s</text>" in svg
    assert INK not in svg.split("</style>")[1]
    assert "fill: currentColor" in svg
    assert "prefers-color-scheme: dark" in svg.split("</style>")[0]


@pytest.mark.parametrize("spread", [1.0, 1.2, 3.0, 40.0, 1e5])
def test_a_logarithmic_axis_has_two_to_nine_readable_ticks(make: Make, results: dict[str, Any], spread: float) -> None:
    for f in (2, 4, 8, 16):
        del results[f"analysis/digits_f{f}_sampling"]
    for number, point in enumerate(results["throughput/digits_class_f1"]["points"]):
        point["metrics"]["samples_per_s"] = 3.1 * spread ** (number / 4)
    texts = [element.text or "" for element in parsed(make("throughput").svg).iter() if element.tag.endswith("}text")]
    ticks = texts[: texts.index("Throughput in samples/s")]
    assert 2 <= len(ticks) <= 9
    assert all(re.fullmatch(r"[\d.,]+", tick) for tick in ticks)


def test_lines_are_told_apart_on_light_and_dark_ground() -> None:
    assert len({marker for _, marker in LINES}) == len({colour for colour, _ in LINES}) == len(LINES)
    for ground, ink in (("#ffffff", INK), ("#191d20", INK_ON_DARK), ("#0d1117", INK_ON_DARK)):
        for colour in (GREY, *(colour for colour, _ in LINES)):
            assert contrast(ink if colour == INK else colour, ground) >= 3


def test_one_figure_stands_twice_in_a_page_without_sharing_an_id(make: Make) -> None:
    made = make("training_steps")
    one, two = made.inline("one"), made.inline("two")
    assert len(set(ids(one))) == len(ids(one))
    assert not set(ids(one)) & set(ids(two))
    assert all(name.startswith("one-") for name in ids(one))
    referred = re.findall(r"url\(#([^)]+)\)|href=\"#([^\"]+)\"", one)
    assert referred
    assert {name for pair in referred for name in pair if name} <= set(ids(one))
    assert "<style" not in one
    assert not {"width", "height"} & set(parsed(one).attrib)


def test_a_png_has_the_size_of_the_page_on_white(make: Make, tmp_path: Path) -> None:
    from PIL import Image

    make("throughput")
    path = tmp_path / "figure_07" / "figure_07.png"
    width, height = struct.unpack(">II", path.read_bytes()[16:24])
    assert width == round(WIDTH * DPI)
    with Image.open(path) as picture:
        picture.load()
        assert picture.size == (width, height)
        assert picture.convert("RGB").getpixel((0, 0)) == (255, 255, 255)
        assert picture.info.keys() <= {"dpi"}


def test_names_of_the_papers_points_are_crossed_by_no_line_and_no_point(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    from matplotlib.figure import Figure as Canvas
    from matplotlib.path import Path as Way

    drawn: list[Canvas] = []
    save = Canvas.savefig
    monkeypatch.setattr(
        Canvas, "savefig", lambda canvas, *given, **how: (drawn.append(canvas), save(canvas, *given, **how))
    )
    make("rate_distortion")
    names = 0
    for axes in drawn[-1].axes:
        lines = [Way(axes.transData.transform(line.get_xydata())) for line in axes.lines]
        boxes = [text.get_window_extent() for text in axes.texts]
        names += len(boxes)
        for box in boxes:
            assert not any(line.intersects_bbox(box, filled=False) for line in lines)
            assert sum(box.overlaps(other) for other in boxes) == 1
    assert names == 6


def test_what_is_missing_makes_a_figure_taller_and_stays_inside(make: Make, results: dict[str, Any]) -> None:
    def height(svg: str) -> float:
        return float(parsed(svg).attrib["viewBox"].split()[3])

    whole = make("training_steps").svg
    del results["analysis/digits_f2_training"]
    partly = make("training_steps").svg
    assert height(partly) > height(whole)
    noted = [e for e in parsed(partly).iter() if (e.text or "").startswith("Not shown")]
    assert [float(e.attrib["y"]) < height(partly) for e in noted] == [True]


def test_a_finished_figure_is_read_as_it_was_written(make: Make, tmp_path: Path, results: dict[str, Any]) -> None:
    del results["analysis/digits_f16_training"]
    made = make("device_days", remark="Why so.")
    assert read(tmp_path / "figure_17") == made
    assert made.remark == "Why so."
    assert made.sources[0].result == "analysis/digits_f1_training"
    (tmp_path / "figure_17" / "figure_17.json").write_text("{}")
    with pytest.raises(InputError, match=r"no finished figure.*--pipelines=figures.figure_17"):
        read(tmp_path / "figure_17")
