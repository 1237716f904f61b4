"""The tables compile, where a TeX engine is installed."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.results import PAPER

from ldm_pipelines.reporting.paper.documents import LayerTable, PaperTable, load_document
from ldm_pipelines.reporting.tables.block import build_block
from ldm_pipelines.reporting.tables.build import build
from ldm_pipelines.reporting.tables.forms import latex
from ldm_pipelines.reporting.tables.layout import RenderedTable
from ldm_pipelines.reporting.tables.settings import build_settings
from ldm_pipelines.reporting.tables.spec import BlockTable, SettingsTable, Table

ENGINES = {
    "pdflatex": ("-interaction=nonstopmode", "-halt-on-error"),
    "lualatex": ("-interaction=nonstopmode", "-halt-on-error"),
    "xelatex": ("-interaction=nonstopmode", "-halt-on-error"),
    "tectonic": ("--only-cached",),
}
ENGINE = next((engine for engine in ENGINES if shutil.which(engine)), None)
Make = Callable[..., RenderedTable]


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


@pytest.mark.skipif(ENGINE is None, reason=f"no TeX engine is installed (one of {', '.join(ENGINES)})")
def test_all_tables_compile(make: Make, results: dict[str, Any], table_8: RenderedTable, tmp_path: Path) -> None:
    tables = [*every_table(), make("table_03", {"LDM-4": "digits_ldm4", "LDM-4-G": "nowhere"}, results), table_8]
    body = "\n\\clearpage\n".join(map(latex, tables))
    source = "\\documentclass{article}\n\\usepackage[T1]{fontenc}\n\\usepackage{booktabs}\n"
    (tmp_path / "tables.tex").write_text(f"{source}\\begin{{document}}\n{body}\n\\end{{document}}\n", encoding="utf-8")
    assert ENGINE is not None
    done = subprocess.run(
        [ENGINE, *ENGINES[ENGINE], "tables.tex"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert (tmp_path / "tables.pdf").stat().st_size > 10_000


def test_every_character_of_every_table_is_one_that_latex_can_set() -> None:
    for table in every_table():
        assert not {character for character in latex(table) if ord(character) > 255}, table.name
