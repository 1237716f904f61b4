"""The report as a file: what it shows, what it leads to, what it asks of others."""

import html
import itertools
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from support.small_study import PARAMETERS

from ldm_pipelines.errors import InputError
from ldm_pipelines.reporting.pages.page import Picture, embedded
from ldm_pipelines.reporting.pages.report import write_study_report
from ldm_pipelines.reporting.tables.layout import RenderedTable, Source

Write = Callable[..., Path]


class Outline(HTMLParser):
    """Ids, addresses, headings, and the heading cells of tables of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.addresses: list[tuple[str, str]] = []
        self.levels: list[int] = []
        self.tags: list[str] = []
        self.cells: list[dict[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.append(tag)
        self.cells += [values] if tag == "th" else []
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
        assert address.startswith("data:") or address[1:] in outline.ids, address
    assert outline.tags.count("script") == 1


def test_no_style_or_script_names_an_address_outside(write: Write) -> None:
    text = re.sub(r' xmlns(:\w+)?="[^"]+"', "", write().read_text())  # names, which nobody asks for
    assert not re.search(r"(?:https?:)?//[\w.-]+\.\w", text)
    assert not re.search(r"@import|url\((?!#)", text)


def test_headings_are_in_order_and_those_of_tables_say_what_they_head(write: Write) -> None:
    outline = Outline(write().read_text())
    assert all(attributes.get("scope") for attributes in outline.cells)
    levels = outline.levels[: len(outline.levels) - 1]  # the last is the dialog's own
    pages = re.findall(r'<section class="page[^>]*>\s*<h(\d)', write().read_text())
    assert set(pages) == {"1"}
    assert levels.count(1) == len(pages) > 10
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert {"main", "header", "nav", "footer", "dialog"} <= set(outline.tags)


def test_the_same_inputs_give_the_same_bytes(write: Write) -> None:
    first = write().read_bytes()
    assert write().read_bytes() == first


def test_the_overview_says_what_was_made_when_and_where_it_contradicts_the_paper(write: Write) -> None:
    overview = part(write().read_text(), "overview")
    assert "the mini study" in overview
    assert "Seed 7" in overview
    assert "0e5ba2cb0e5b (2 stages); 1 stage ran with uncommitted changes" in overview
    assert re.search(r"Records 2 of \d+ stages left a record of how they ran Packages torch 2\.11\.0 ", overview)
    assert "Numbers measured with another feature network" in overview
    assert "Where our ordering is not the paper's Rate Ours is best at f = 2." in overview
    assert "PSNR falls" not in overview


def test_the_overview_begins_with_pictures_and_tables_and_ends_with_commits(write: Write) -> None:
    overview = part(write().read_text(), "overview")
    order = ["Class-conditional: digits_class", "Table 3", "Where our ordering", "How it was made", "Git commits"]
    places = [overview.index(text) for text in order]
    assert places == sorted(places)


def test_samples_among_the_aims_lead_to_their_pages(write: Write, reporting: Path) -> None:
    file = reporting / "metrics/samples/digits_ldm4.json"
    result = json.loads(file.read_text())
    result["metrics"]["caption_accuracy"] = 0.9
    file.write_text(json.dumps(result))
    (table,) = re.findall('<table class="aims">.*?</table>', write().read_text(), re.DOTALL)
    assert '<td><a href="#result-evaluations-digits_ldm4">digits_ldm4</a></td>' in table  # of its name is no sample set


def test_each_cell_of_a_row_of_ours_leads_to_its_result(write: Write) -> None:
    text = write().read_text()
    row = next(line for line in text.splitlines() if 'class="ours"' in line and ">3.51<" in line)
    assert re.findall(r'class="result" href="([^"]+)"', row) == ["#result-evaluations-digits_ldm4"] * 5
    assert "In Table 3 ." in part(text, "result-evaluations-digits_ldm4")


def test_what_the_rival_of_a_user_study_and_the_description_of_a_model_gave_leads_to_their_sections(
    write: Write, table_3: RenderedTable
) -> None:
    sources = (Source("user_study/asked"), Source("user_study/asked_rival"), Source("hyperparameters/digits_class"))
    cells = tuple(replace(cell, source=source) for cell, source in zip(table_3.lines[-1].cells, sources, strict=False))
    text = write(
        tables=[replace(table_3, lines=(replace(table_3.lines[-1], cells=cells, sources=sources),))]
    ).read_text()
    links = re.findall(r'class="result" href="([^"]+)"', text)
    assert links == ["#result-user_studies-asked", "#result-user_studies-asked", "#ldms-digits_class"]
    for anchor in ("result-user_studies-asked", "ldms-digits_class"):
        assert "In Table 3 ." in part(text, anchor)


def test_a_user_study_shows_both_of_its_results_with_their_intervals(write: Write) -> None:
    text = part(write().read_text(), "result-user_studies-asked")
    assert "preference_vs_gt_pct 40 30.5 … 50.5" in text
    assert "rival_preference_vs_gt_pct 12.5" in text


def test_a_result_says_what_it_was_measured_on_and_where_it_comes_from(write: Write) -> None:
    text = part(write().read_text(), "result-evaluations-digits_ldm4")
    assert "fid 3.512 3.1 … 4.2" in text
    assert "is 8.76 0.21" in text
    assert "sampler.steps 50" in text
    assert "is_splits 10" in text
    assert "DVC stage evaluate_samples@digits_ldm4" in text
    assert "0e5ba2cb" * 5 + " , with uncommitted changes, edited while it ran, in part of other code" in text
    assert "device: name A processor" in text
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
    assert "at fid 100 9.5 200 7.25" in part(write().read_text(), "result-sweeps-over_steps")


def test_a_figure_stands_in_the_page_without_what_is_not_its_own(write: Write) -> None:
    text = write().read_text()
    assert 'id="rate-dot"' in text
    assert 'href="#rate-dot" clip-path="url(#rate-dot)"' in text
    assert "color: red" not in text
    assert "<!DOCTYPE svg>" not in text
    figures = part(text, "figures")
    assert "Not as in the paper: Ours is best at f = 2." in figures
    assert "Not shown: VQ (not run)." in figures
    assert "not_drawn: missing: it was not drawn" in figures
    assert 'Drawn from <a href="#result-evaluations-digits_ldm4">samples/digits_ldm4</a>' in text


def test_every_picture_is_in_the_page_once_at_its_size_and_the_report_is_one_file(write: Write) -> None:
    path = write()
    (picture,) = (tag for tag in re.findall("<img [^>]+>", path.read_text()))
    assert re.search('src="data:image/png;base64,[^"]+" width="90" height="60" alt="[^"]+"', picture)
    assert list(path.parent.iterdir()) == [path]


def test_a_picture_that_is_missing_or_no_png_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "fake.png").write_text("hello")
    for name, message in (("none.png", "cannot be read"), ("fake.png", "not a PNG")):
        with pytest.raises(InputError, match=f"{name}.*{message}"):
            embedded(Picture(tmp_path / name, "t", "c", "a"))


def test_what_is_missing_is_said_and_the_rest_is_there(write: Write, reporting: Path) -> None:
    text = write(hashes=None).read_text()
    assert "table_08: missing" in part(text, "tables")
    assert "missing: not run" in part(text, "result-reconstructions-not_run")
    assert "missing: the stage has left no provenance record" in part(text, "samples-digits_class")
    for folder in ("figures", "grids", "training", "provenance", "metrics"):
        shutil.rmtree(reporting / folder)
        text = write(tables=[]).read_text()
    assert "rate: missing: it was not drawn" in part(text, "figures")
    assert "missing: no grids" in part(text, "pictures")
    assert "missing: not run" in part(text, "result-evaluations-digits_ldm4")


def test_names_from_files_cannot_become_markup(write: Write) -> None:
    parameters = PARAMETERS | {"datasets": {"digits": {"note": "<script>alert(1)</script>"}}}
    text = write(parameters=parameters).read_text()
    assert "&lt;script&gt;alert(1)" in text
    assert "<script>alert(1)" not in text


@pytest.mark.parametrize(
    ("file", "content", "anchor", "why"),
    [
        ("metrics/samples/digits_ldm4.json", b'{"fid": "\xff"}', "result-evaluations-digits_ldm4", "the file is not JSON"),
        ("metrics/samples/digits_ldm4.json", b"[]", "result-evaluations-digits_ldm4", "the file holds no JSON object"),
        ("metrics/samples/digits_ldm4.json",
         b'{"kind": "samples", "name": "digits_ldm4", "metrics": {"fid": "bad"}, "provenance": {}}',
         "result-evaluations-digits_ldm4", "metrics.fid: Input should be a valid number"),
        ("metrics/analysis/over_steps.json", b'{"kind": "sweep"}', "result-sweeps-over_steps", "name: Field required"),
        ("metrics/user_study/asked_rival.json", b"{", "result-user_studies-asked", "the file is not JSON"),
        ("training/ldms/digits_class.json", b"{", "ldms-digits_class", "the file is not JSON"),
    ],
)  # fmt: skip
def test_a_result_that_cannot_be_read_is_missing_in_the_page_and_told_once(
    reporting: Path, tmp_path: Path, table_3: RenderedTable, file: str, content: bytes, anchor: str, why: str
) -> None:
    (reporting / file).write_bytes(content)
    (problem,) = write_study_report([table_3], reporting, PARAMETERS, tmp_path / "report")
    assert problem.startswith(f"data/08_reporting/{file}: malformed result ({why}")
    text = (tmp_path / "report" / "index.html").read_text()
    assert f"missing: malformed result ({why}" in html.unescape(part(text, anchor))


def test_the_list_of_results_says_in_two_words_what_one_lacks(write: Write, reporting: Path) -> None:
    (reporting / "metrics/samples/digits_ldm4.json").write_text("{")
    results = part(write().read_text(), "results")
    assert "digits_ldm4 malformed result digits_ldm4_g" in results
    assert "not_run not run" in results


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("training/ldms/digits_class.csv", "step,train_loss\nten,1\n", "are no numbers"),
        ("figures/rate/rate.json", '{"caption": "no title"}', "no finished figure"),
        ("figures/rate/rate.svg", "<svg>", "no finished figure"),
        ("grids/samples/digits_class.png", "not a picture", "is not a PNG file"),
    ],
)
def test_a_broken_file_is_named(write: Write, reporting: Path, file: str, content: str, message: str) -> None:
    (reporting / file).write_text(content)
    with pytest.raises(InputError, match=message) as error:
        write()
    assert Path(file).name in str(error.value)
