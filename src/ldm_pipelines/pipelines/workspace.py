"""Where a stage's unfinished work lies, and what a trained folder hands to the catalog."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ldm_pipelines.compute import Compute
from ldm_pipelines.digests import digest_folder, fingerprint
from ldm_pipelines.spec import Entity

Trained = tuple[dict[str, Any], Any, Path]
"""Metrics, curves (a data frame), and last the model's folder: publishing it gives up the state to resume from."""


def workspace_for(stage: str, entity: Entity, seed: int, compute: Compute, *inputs: Path) -> Path:
    """A folder of this entity's own, keyed by everything that defines it.

    The same command finds it again after a kill; a changed parameter, seed or input gets another one.
    """
    key = fingerprint(entity, seed, *(digest_folder(path) for path in inputs))
    folder = compute.workspace / stage / f"{entity.name}-{key}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


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
