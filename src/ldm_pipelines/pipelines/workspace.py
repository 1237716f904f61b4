"""Where a stage's unfinished work lies, and what a trained folder hands to the catalog."""

import json
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ldm_pipelines.compute import Compute
from ldm_pipelines.digests import digest_folder, fingerprint
from ldm_pipelines.spec import Entity
from ldm_pipelines.tracking.code import running_code
from ldm_pipelines.tracking.run import active_run

log = logging.getLogger(__name__)

CODE = "code.txt"
"""Digests of the code that has worked in a workspace."""

Trained = tuple[dict[str, Any], Any, Path]
"""Metrics, curves (a data frame), and last the model's folder: publishing it gives up the state to resume from."""


def workspace_for(stage: str, entity: Entity, seed: int, compute: Compute, *inputs: Path) -> Path:
    """A folder of this entity's own, keyed by everything that defines it.

    The same command finds it again after a kill; a changed parameter, seed or input gets another one. Changed code does
    not: it goes on with what it finds, and then the log and the run's record say so.
    """
    key = fingerprint(entity, seed, *(digest_folder(path) for path in inputs))
    folder = compute.workspace / stage / f"{entity.name}-{key}"
    folder.mkdir(parents=True, exist_ok=True)
    _note_code(folder)
    return folder


def empty_workspace_for(stage: str, entity: Entity, seed: int, compute: Compute) -> Path:
    """Where such a folder would be, with nothing there: for a stage that begins again when it was stopped."""
    folder = compute.workspace / stage / f"{entity.name}-{fingerprint(entity, seed)}"
    shutil.rmtree(folder, ignore_errors=True)
    return folder


def _note_code(folder: Path) -> None:
    """Keep which code has worked in ``folder``; if other code has, say so to the log and to the run that is active."""
    note = folder / CODE
    before = set(note.read_text().split()) if note.is_file() else set()
    if not any(path != note for path in folder.iterdir()):
        before = set()  # it had not come to anything
    elif before != {running_code()}:
        log.warning("going on with what other code has begun; to start anew, stop this and delete %s", folder)
        if run := active_run():
            run.resumed_from_other_code = True
    note.write_text("\n".join(sorted({*before, running_code()})) + "\n")


@contextmanager
def temporary(stage: str, compute: Compute) -> Iterator[Path]:
    """A folder for what a stage needs while it runs, removed at its end, also where it fails."""
    compute.workspace.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f"{stage}-", dir=compute.workspace) as folder:
        yield Path(folder)


def trained(folder: Path) -> Trained:
    """What every training stage returns."""
    import pandas as pd  # costs half of a quick command's start-up

    metrics = json.loads((folder / "metrics.json").read_text())
    return metrics, pd.read_csv(folder / "curves.csv"), folder
