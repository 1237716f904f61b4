"""Whether a written table shows what its results say now."""

import csv
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory

from ldm_pipelines.reporting.tables.build import write
from ldm_pipelines.reporting.tables.layout import RenderedTable

TABLE = ""
"""Key of problems that concern a table and none of our rows."""


def differences(rendered: RenderedTable, folder: Path) -> dict[str, list[str]]:
    """What the table in ``folder`` shows otherwise than ``rendered``, by the number of the row."""
    found: dict[str, list[str]] = defaultdict(list)
    with TemporaryDirectory() as temporary:
        again = Path(temporary)
        write(rendered, again)
        differing = [file.name for file in sorted(again.iterdir()) if _bytes(file) != _bytes(folder / file.name)]
        name = f"{rendered.name}.csv"
        if name in differing and (folder / name).exists():
            shown, now = _cells(folder / name), _cells(again / name)
            for key in now:
                if shown.get(key) != now[key]:
                    found[key[0]].append(f"{key[1]} shows {shown.get(key, 'nothing')!r}, its result says {now[key]!r}")
    if differing and not any(found.values()):
        found[TABLE].append(f"{', '.join(differing)} not as its results render; `kedro run --pipelines=tables`")
    return found


def _bytes(file: Path) -> bytes | None:
    return file.read_bytes() if file.is_file() else None


def _cells(file: Path) -> dict[tuple[str, str, str], str]:
    """What each cell shows, by number of the row of ours (the paper's are the table's own), column and row."""
    with file.open(newline="", encoding="utf-8") as lines:
        rows = csv.DictReader(lines)
        return {(_ours(row), row.get("label", ""), row.get("row", "")): row.get("shown", "") for row in rows}


def _ours(row: dict[str, str]) -> str:
    return row.get("row", TABLE) if row.get("origin") == "ours" else TABLE
