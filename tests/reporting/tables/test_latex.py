"""The tables compile and fit, where a TeX engine is installed."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.results import PAPER
from support.study_tables import of_the_study

from ldm_pipelines.reporting.paper.documents import LayerTable, PaperTable, Unreadable
from ldm_pipelines.reporting.paper.loading import load_document
from ldm_pipelines.reporting.tables.block import build_block
from ldm_pipelines.reporting.tables.build import build, unreadable
from ldm_pipelines.reporting.tables.latex import latex
from ldm_pipelines.reporting.tables.layout import RenderedTable
from ldm_pipelines.reporting.tables.settings import build_settings
from ldm_pipelines.reporting.tables.spec import BlockTable, SettingsTable, Table

ENGINES = {
    "pdflatex": ("-interaction=nonstopmode", "-halt-on-error"),
    "lualatex": ("-interaction=nonstopmode", "-halt-on-error"),
    "xelatex": ("-interaction=nonstopmode", "-halt-on-error"),
    "tectonic": ("--only-cached", "--keep-logs"),
}
ENGINE = next((engine for engine in ENGINES if shutil.which(engine)), None)
Make = Callable[..., RenderedTable]
PREAMBLE = r"\usepackage[T1]{fontenc}\usepackage{array,booktabs,longtable,lscape}"
needs_tex = pytest.mark.skipif(ENGINE is None, reason=f"no TeX engine is installed (one of {', '.join(ENGINES)})")


def every_table() -> list[RenderedTable]:
    tables = []
    for path in sorted(PAPER.glob("table_*.yaml")):
        document, shelf = load_document(path), {"name": path.stem, "suite": "s", "second_suite": "s"}
        if isinstance(document, PaperTable):
            tables.append(build(Table(**shelf, rows=()), document, {}, study="none"))
        elif isinstance(document, LayerTable):
            tables.append(build_block(BlockTable(**shelf, kind="block"), document))
        else:
            tables.append(build_settings(SettingsTable(**shelf, kind="settings", columns={}), document, {}))
    return tables


def overfull(tables: list[RenderedTable], folder: Path) -> list[str]:
    """What LaTeX says of boxes that are too wide or too high by more than 5 pt; it must have made pages."""
    assert ENGINE is not None
    body = "\n\\clearpage\n".join(map(latex, tables))
    source = f"\\documentclass{{article}}\n{PREAMBLE}\n\\begin{{document}}\n{body}\n\\end{{document}}\n"
    (folder / "tables.tex").write_text(source, encoding="utf-8")
    done = subprocess.run(
        [ENGINE, *ENGINES[ENGINE], "tables.tex"],
        cwd=folder,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert (folder / "tables.pdf").stat().st_size > 10_000
    log = (
        (folder / "tables.log").read_text(errors="replace")
        if (folder / "tables.log").exists()
        else done.stdout + done.stderr
    )
    found = re.findall(r"(?:Overfull \\[hv]box|Float too large for page) [(b][^\d]*([\d.]+)pt.*", log)
    return [f"{size} pt" for size in found if float(size) > 5]


@needs_tex
def test_all_tables_compile(make: Make, results: dict[str, Any], table_8: RenderedTable, tmp_path: Path) -> None:
    broken = unreadable(Unreadable("table_09", "conf/paper/table_09.yaml is not there"))
    half = make("table_03", {"LDM-4": "digits_ldm4", "LDM-4-G": "nowhere"}, results)
    assert overfull([*every_table(), half, table_8, broken], tmp_path) == []


@needs_tex
def test_every_table_of_the_committed_study_fits_the_text_of_an_article(tmp_path: Path) -> None:
    tables = of_the_study()
    assert len(tables) == 18
    for table in tables:
        assert overfull([table], tmp_path) == [], table.name


def test_a_table_names_the_packages_it_needs_and_only_the_widest_are_turned() -> None:
    for table in of_the_study():
        text = latex(table)
        needed = re.search(r"usepackage\{([a-z,]+)\}", text.splitlines()[0])
        assert needed
        used = {
            "booktabs": "\\toprule",
            "longtable": "\\begin{longtable}",
            "array": "\\arraybackslash",
            "lscape": "\\begin{landscape}",
        }
        assert set(needed.group(1).split(",")) == {package for package, command in used.items() if command in text}
    assert "landscape" not in latex(of_the_study()[1])


def test_every_character_of_every_table_is_one_that_latex_can_set() -> None:
    for table in every_table():
        assert not {character for character in latex(table) if ord(character) > 255}, table.name
