import io
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldm_pipelines.reporting.pages.page import table_page
from ldm_pipelines.reporting.tables.forms import csv_text, escape_markdown, markdown
from ldm_pipelines.reporting.tables.latex import escape_latex, latex
from ldm_pipelines.reporting.tables.layout import RenderedTable
from ldm_pipelines.reporting.tables.terminal import terminal

Make = Callable[..., RenderedTable]
METRIC_TABLES = [f"table_{number:02d}" for number in (*range(1, 12), 18)]
HOSTILE = "<b>&\"'|*_`$%#{}~^\\</b><script>alert(1)</script>"


class Page(HTMLParser):
    """Tags with their attributes, and the text of cells."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.cells: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in {"td", "th"}:
            self.cells.append("")

    def handle_data(self, data: str) -> None:
        if self.cells:
            self.cells[-1] += data


@pytest.mark.parametrize("name", METRIC_TABLES)
def test_every_table_of_the_paper_takes_every_form(make: Make, name: str) -> None:
    table = make(name, {}, {})
    for line in table.lines:
        assert escape_markdown(line.method) in markdown(table)
        assert escape_latex(line.method) in latex(table)
    assert len(pd.read_csv(io.StringIO(csv_text(table)))) == len(table.lines) * len(table.headings)
    assert table_page(table).count("<tr") == len(table.lines) + 1 + sum(bool(group) for group, _ in table.groups())
    assert max(map(len, terminal(table).splitlines())) <= 110


def test_markdown_is_a_pipe_table_with_one_cell_per_column(table_3: RenderedTable) -> None:
    lines = [line for line in markdown(table_3).splitlines() if line.startswith("|")]
    assert len(lines) == 2 + 7
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {7}
    assert "| **3.60** | **247.67** ± 5.59 | **0.87** | 0.48 | 400M |" in lines[-2]
    assert lines[-1].startswith(
        "| ↳ *LDM-4-G (ours, miniature)* <sup>2</sup> | 2.00 <sup>a</sup> | 999.50 ± 0.11 <sup>a</sup> |"
    )


def test_latex_has_booktabs_rules_and_balanced_braces(table_3: RenderedTable) -> None:
    text = latex(table_3)
    for rule in (r"\toprule", r"\midrule", r"\bottomrule"):
        assert rule in text
    rows = [line for line in text.splitlines() if line.endswith(r" \\")]
    assert {len(re.findall(r"(?<!\\)&", row)) for row in rows if not row.startswith(r"\text")} == {5}
    bare = re.sub(r"\\[{}]", "", text)
    assert bare.count("{") == bare.count("}")


@given(st.text(alphabet=st.characters(codec="ascii") | st.sampled_from("–±×↓↑η"), max_size=40))
def test_escaped_latex_has_no_character_that_latex_would_obey(text: str) -> None:
    escaped = escape_latex(text)
    commands = r"\\text(backslash|asciitilde|asciicircum|less|greater|bar|quotedbl)\{\}|\$\\[a-z]+\$|\\[{}$&%#_]"
    assert not re.search(r"[\\{}$&%#_~^<>|\"]", re.sub(commands, "", escaped))
    assert "\n" not in escaped


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("50% of a_b & c#1", r"50\% of a\_b \& c\#1"),
        ("{x}^2 ~ $5", r"\{x\}\textasciicircum{}2 \textasciitilde{} \$5"),
        ("a\\b", r"a\textbackslash{}b"),
        ("|Z| < 3 ± 1", r"\textbar{}Z\textbar{} \textless{} 3 $\pm$ 1"),
    ],
)
def test_latex_specials_are_set_as_they_stand(text: str, expected: str) -> None:
    assert escape_latex(text) == expected


def test_hostile_names_stay_text_in_every_form(make: Make, results: dict[str, Any]) -> None:
    results["digits_ldm4"]["provenance"]["samples"]["name"] = HOSTILE
    table = make("table_03", {"LDM-4": "digits_ldm4"}, results)
    table = replace(table, title=HOSTILE, lines=(*table.lines, replace(table.lines[0], method=HOSTILE)))
    page = table_page(table)
    assert not {tag for tag, _ in Page(page).tags} & {"script", "b"}
    assert any(HOSTILE in cell for cell in Page(page).cells)
    assert "<script>" not in markdown(table)
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in markdown(table).splitlines() if line.startswith("|")} == {7}
    methods = pd.read_csv(io.StringIO(csv_text(table)))["method"]
    assert HOSTILE in set(methods)
    assert r"\textless{}script\textgreater{}" in latex(table)


def test_csv_is_tidy_and_keeps_every_digit(table_3: RenderedTable) -> None:
    frame = pd.read_csv(io.StringIO(csv_text(table_3)), keep_default_na=True)
    ours = frame[(frame["origin"] == "ours") & (frame["result"] == "digits_ldm4")].set_index("metric")
    assert ours.loc["fid", "value"] == 3.512345678901234
    assert ours.loc["is", "std"] == 0.21
    assert set(ours["study"]) == {"miniature"}
    paper = frame[(frame["origin"] == "paper") & (frame["method"] == "LDM-4-G")].set_index("metric")
    assert paper.loc["fid", "shown"] == "3.60"
    assert paper.loc["n_params", "value"] == 4e8
    assert bool(paper.loc["fid", "best"]) is True


def test_terminal_aligns_marks_the_best_and_wraps_notes(table_3: RenderedTable, table_8: RenderedTable) -> None:
    for table in (table_3, table_8):
        text = terminal(table)
        assert max(map(len, text.splitlines())) <= 110
        assert not any(line != line.rstrip() for line in text.splitlines())
    lines = terminal(table_3).splitlines()
    guided = next(line for line in lines if line.startswith("LDM-4-G"))
    assert guided.split() == ["LDM-4-G", "3.60*", "247.67±5.59*", "0.87*", "0.48", "400M"]
    heading = next(line for line in lines if line.startswith("Method"))
    assert heading.index("FID ↓") + len("FID ↓") == guided.index("3.60") + len("3.60")
    ours = next(line for line in lines if line.startswith("↳ LDM-4-G (ours, miniature) [2]"))
    assert ours.split()[-9:] == ["2.00", "a", "999.50±0.11", "a", "0.99", "a", "0.50", "a", "812k"]
    assert ours.index("2.00") + len("2.00") == guided.index("3.60") + len("3.60")


def test_terminal_says_once_what_a_whole_row_misses_and_fits_a_narrow_window(
    make: Make, table_3: RenderedTable
) -> None:
    table = make("table_03", {"LDM-4": "nowhere"}, {})
    assert terminal(table).count("missing: no result") == 1
    assert max(map(len, terminal(table_3, width=70).splitlines())) <= 70


@pytest.mark.parametrize("name", METRIC_TABLES)
def test_pages_request_nothing_and_are_accessible(make: Make, results: dict[str, Any], name: str) -> None:
    ours = {"LDM-4": "digits_ldm4", "LDM-4-G": "digits_ldm4_g"} if name == "table_03" else {}
    page = table_page(make(name, ours, results))
    tags = Page(page).tags
    links = [value for _, attributes in tags for key, value in attributes.items() if key in {"href", "src", "srcset"}]
    assert all(link and link.startswith(("#", "data:", "../../")) for link in links)
    assert not [tag for tag, attributes in tags if {"src", "srcset"} & set(attributes)]
    assert not re.search(r"url\(|@import|<script", page)
    identifiers = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))
    assert {str(link)[1:] for link in links if str(link).startswith("#")} <= set(identifiers)
    assert all(attributes.get("scope") for tag, attributes in tags if tag == "th")
    assert ("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}) in tags
    assert "prefers-color-scheme: dark" in page


def test_numbers_of_ours_link_to_the_result_and_to_its_provenance(table_3: RenderedTable) -> None:
    links = [attributes.get("href") for tag, attributes in Page(table_page(table_3)).tags if tag == "a"]
    for name in ("digits_ldm4", "digits_ldm4_g"):
        assert links.count(f"../../metrics/samples/{name}.json") == 5
        assert links.count(f"../../provenance/evaluate_samples.{name}.json") == 1
    assert "Stored as samples/digits\\_ldm4, recorded as evaluate\\_samples.digits\\_ldm4." in markdown(table_3)
    frame = pd.read_csv(io.StringIO(csv_text(table_3)))
    assert set(frame.loc[frame["result"] == "digits_ldm4", "source"]) == {"samples/digits_ldm4"}


def test_reporting_is_imported_without_torch_or_pandas() -> None:
    code = """
import sys
import ldm_pipelines.reporting.tables.build, ldm_pipelines.reporting.tables.terminal, ldm_pipelines.reporting.pages.page
heavy = {"torch", "pandas", "numpy", "scipy", "kedro", "mlflow", "matplotlib"} & set(sys.modules)
sys.exit(f"imported: {heavy}" if heavy else 0)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
