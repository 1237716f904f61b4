"""``python -m ldm_pipelines.single_stage NAME``: ``dvc repro --single-item``, for a project of hundreds of stages.

DVC parses and prints the whole of ``dvc.lock`` anew, in Python, for every stage that it records: 7 s for the miniature
study's. Here the stage's own lines are replaced, which gives the same file (a test compares them).
"""

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

EMPTY = "schema: '2.0'\nstages:\n"


def replaced(text: str, name: str, lines: str) -> str:
    """The text of a lock whose entry ``name`` is ``lines``, indented by two; a new entry comes last."""
    entry = re.search(rf"^  {re.escape(name)}:\n", text, re.MULTILINE)
    if entry:
        start, end = entry.start(), _next(r"^ {0,2}\S", text, entry.end())
    else:
        start = end = _next(r"^\S", text, text.index("stages:\n") + 1)
    return text[:start] + lines + text[end:]


def _next(pattern: str, text: str, start: int) -> int:
    """Where it is found from ``start`` on, or the end."""
    found = re.compile(pattern, re.MULTILINE).search(text, start)
    return found.start() if found else len(text)


def record(lock: Any, stages: Sequence[Any], **options: Any) -> None:
    """In place of ``dvc.dvcfile.Lockfile.dump_stages``."""
    from dvc.stage import serialize
    from dvc.utils.serialize import dumps_yaml

    file = Path(lock.path)
    before = text = file.read_text() if file.exists() else EMPTY
    for stage in stages:
        for name, content in serialize.to_lockfile(stage, **options).items():
            lines = dumps_yaml({"stages": {name: content}}).removeprefix("stages:\n")
            text = replaced(text, name, lines)
    if text != before:
        partial = file.with_name(f".{file.name}.partial")
        partial.write_text(text)
        partial.replace(file)
        lock.repo.scm_context.track_file(lock.relpath)


def main() -> int:
    """Run the stage named on the command line, if it is stale; the exit code is DVC's."""
    from dvc.cli import main as dvc
    from dvc.dvcfile import Lockfile

    Lockfile.dump_stages = record
    return int(dvc(["--wait-for-lock", "repro", "--single-item", *sys.argv[1:]]))


if __name__ == "__main__":
    sys.exit(main())
