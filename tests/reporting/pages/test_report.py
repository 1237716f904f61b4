"""The report as a file: what it shows, what it leads to, what it asks of others."""

import itertools
import re
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from support.small_study import PARAMETERS

from ldm_pipelines.errors import InputError

Write = Callable[..., Path]


class Outline(HTMLParser):
    """Ids, addresses and headings of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.addresses: list[tuple[str, str]] = []
        self.levels: list[int] = []
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.append(tag)
        self.ids += [values["id"] or ""] if "id" in values else []
        if re.fullmatch("h[1-6]", tag):
            self.levels.append(int(tag[1]))
        for name in ("src", "href", "action", "data", "poster", "srcset", "xlink:href"):
            if values.get(name) is not None:
                self.addresses.append((tag, values[name] or ""))


def part(text: str, anchor: str) -> str:
    """The text of a section."""
    found = re.search(rf'<section class="page[^"]*" id="{anchor}".*?</section>', text, re.DOTALL)
    assert found, anchor
    return re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", found.group()))


def test_nothing_is_asked_of_anyone_and_every_link_has_its_target(write: Write) -> None:
    outline = Outline(write().read_text())
    assert len(outline.ids) == len(set(outline.ids))
    for tag, address in outline.addresses:
        assert address.startswith(("#", "data:")), (tag, address)
        assert address[1:] in outline.ids or address.startswith("data:"), address
    assert outline.tags.count("script") == 1


def test_no_style_or_script_names_an_address_outside(write: Write) -> None:
    text = write().read_text()
    assert not re.search(r"(?:https?:)?//[\w.-]+\.\w", text)
    assert not re.search(r"@import|url\((?!#)", text)


def test_headings_are_in_order_and_every_page_has_one(write: Write) -> None:
    outline = Outline(write().read_text())
    levels = outline.levels[: len(outline.levels) - 1]  # the last is the dialog's own
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert {"main", "header", "nav", "footer", "dialog"} <= set(outline.tags)


def test_the_same_inputs_give_the_same_bytes(write: Write) -> None:
    first = write().read_bytes()
    assert write().read_bytes() == first


def test_the_overview_says_what_was_made_when_and_where_it_contradicts_the_paper(write: Write) -> None:
    overview = part(write().read_text(), "overview")
    assert "the mini study" in overview
    assert "Seed 7" in overview
    assert "0e5ba2cb0e5b (2 stages); 1 stages ran with uncommitted changes" in overview
    assert "torch 2.11.0" in overview
    assert "Ours is best at f = 2. ( Rate )" in overview
    assert "PSNR falls" not in overview


def test_each_cell_of_a_row_of_ours_leads_to_its_result(write: Write) -> None:
    text = write().read_text()
    row = next(line for line in text.splitlines() if 'class="ours"' in line and ">3.51<" in line)
    assert set(re.findall(r'href="(#result-[^"]+)"', row)) == {"#result-digits_ldm4"}
    assert "In Table 3" in part(text, "result-digits_ldm4")


def test_a_result_says_what_it_was_measured_on_and_where_it_comes_from(write: Write) -> None:
    text = part(write().read_text(), "result-digits_ldm4")
    assert "fid 3.512 3.1 … 4.2" in text
    assert "is 8.76 0.21" in text
    assert "sampler.steps 50" in text
    assert "is_splits 10" in text
    assert "DVC stage evaluate_samples@digits_ldm4" in text
    assert "0e5ba2cb" * 5 + " , with uncommitted changes" in text
    assert "MLflow run 4b0dd3c6" in text


def test_a_training_shows_its_curves_parameters_metrics_and_provenance(write: Write) -> None:
    text = write().read_text()
    section = part(text, "ldms-digits_class")
    assert "loss (logarithmic): training , validation" in section
    assert "training.betas 0.9, 0.99" in section
    assert "training.gradient_clip –" in section
    assert "val_loss 0.04888" in section
    assert "images_seen 64,000" in section
    assert "data/06_models/ldms/digits_class 0123abcd.dir (md5, dvc.lock)" in section
    assert f"output ldms/digits_class {'77' * 32}" in section
    assert "training from 1.5 to 0.02; validation from 0.6 to 0.03" in text


def test_points_of_a_sweep_are_a_table(write: Write) -> None:
    assert "at fid 100 9.5 200 7.25" in part(write().read_text(), "result-over_steps")


def test_a_figure_stands_in_the_page_without_what_is_not_its_own(write: Write) -> None:
    text = write().read_text()
    assert 'id="rate-dot"' in text
    assert 'href="#rate-dot" clip-path="url(#rate-dot)"' in text
    assert "color: red" not in text
    assert "<!DOCTYPE svg>" not in text
    assert "Not as in the paper: Ours is best at f = 2." in part(text, "figures")


def test_every_picture_is_in_the_page_once(write: Write) -> None:
    assert write().read_text().count("data:image/png") == 1


def test_what_is_missing_is_said_and_the_rest_is_there(write: Write, reporting: Path) -> None:
    text = write(hashes=None).read_text()
    assert "table_08: missing" in part(text, "tables")
    assert "missing: not run" in part(text, "result-not_run")
    assert "missing: the stage has left no provenance record" in part(text, "samples-digits_class")
    for folder in ("figures", "grids", "training", "provenance", "metrics"):
        shutil.rmtree(reporting / folder)
        text = write(tables=[]).read_text()
    assert "missing: no figures were drawn" in part(text, "figures")
    assert "missing: no grids" in part(text, "pictures")
    assert "missing: not run" in part(text, "result-digits_ldm4")


def test_names_from_files_cannot_become_markup(write: Write) -> None:
    parameters = PARAMETERS | {"datasets": {"digits": {"note": "<script>alert(1)</script>"}}}
    text = write(parameters=parameters).read_text()
    assert "&lt;script&gt;alert(1)" in text
    assert "<script>alert(1)" not in text


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("training/ldms/digits_class.csv", "step,train_loss\nten,1\n", "are no numbers"),
        ("training/ldms/digits_class.json", "{", "is not JSON"),
        ("figures/rate/rate.json", '{"caption": "no title"}', "does not describe a figure"),
        ("grids/samples/digits_class.png", "not a picture", "is not a PNG file"),
    ],
)
def test_a_broken_file_is_named(write: Write, reporting: Path, file: str, content: str, message: str) -> None:
    (reporting / file).write_text(content)
    with pytest.raises(InputError, match=message) as error:
        write()
    assert Path(file).name in str(error.value)
