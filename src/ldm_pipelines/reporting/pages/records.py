"""Where a study's artefacts and results came from, as their stages noted it."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

STAGES = {
    "datasets": "prepare_data",
    "feature_networks": "train_feature_network",
    "autoencoders": "train_autoencoder",
    "imported_autoencoders": "import_autoencoder",
    "imports": "import_checkpoint",
    "latents": "encode_latents",
    "ldms": "train_diffusion",
    "latent_classifiers": "train_latent_classifier",
    "samples": "sample",
    "baselines": "baseline",
    "references": "evaluate_reference",
    "evaluations": "evaluate_samples",
    "reconstructions": "evaluate_reconstruction",
    "sweeps": "sweep",
    "throughputs": "measure_throughput",
    "user_studies": "read_user_study",
}
"""By kind of entity: the stage that makes one."""


class Record(BaseModel):
    """The provenance record of a stage's present output."""

    model_config = ConfigDict(frozen=True)

    git_commit: str | None
    git_dirty: bool = False
    code_changed: bool = False
    resumed_from_other_code: bool = False
    mlflow_run_id: str | None = None
    inputs: dict[str, str] = {}
    outputs: dict[str, str] = {}
    versions: dict[str, str | None] = {}
    device: dict[str, str] = {}


def stage_of(kind: str, present: Iterable[str], name: str) -> str:
    """The stage that makes an entity; of kinds unknown here the one that left a record."""
    return STAGES.get(kind) or next((node.partition(".")[0] for node in present if node.endswith(f".{name}")), kind)


def read_records(folder: Path) -> dict[str, Record]:
    """The well-formed records by node, ``STAGE.NAME``."""
    found = {}
    for file in sorted(folder.glob("*.json")):
        try:
            found[file.stem] = Record.model_validate(json.loads(file.read_bytes()))
        except (ValueError, ValidationError):
            continue  # its section says that there is none; `kedro run --pipelines=verify` names the file
    return found


def commits(records: Iterable[Record]) -> list[tuple[str, int]]:
    """Commits that stages ran at, and how many, most first."""
    return Counter(record.git_commit or "no commit" for record in records).most_common()


def versions(records: Iterable[Record]) -> list[str]:
    """``torch 2.11.0``: every version of a package that a stage ran with."""
    return sorted({f"{name} {version}" for record in records for name, version in record.versions.items() if version})


def dvc_hashes(hashes: Mapping[str, Mapping[str, str]], stage: str, name: str) -> Mapping[str, str]:
    """What ``dvc.lock`` says of the outputs of an entity's stage."""
    found: Mapping[str, Any] = hashes.get(f"{stage}@{name}", {})
    return found
