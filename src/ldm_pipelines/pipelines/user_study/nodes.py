"""User studies: the page that asks, and what the answers say."""

from pathlib import Path
from typing import Any, Literal

from ldm_pipelines.compute import Compute
from ldm_pipelines.pipelines.workspace import workspace_for
from ldm_pipelines.user_study.spec import UserStudy


def make_user_study(study: UserStudy, samples: Path, rival: Path, dataset: Path, compute: Compute) -> Path:
    """A folder with the page and its key."""
    from ldm_pipelines.user_study import make

    workspace = workspace_for("make_user_study", study, 0, compute, samples, rival, dataset)
    return make.make_user_study(study, samples, rival, dataset, workspace / "artefact")


def read_preference(study: UserStudy, made: Path, compute: Compute) -> dict[str, Any]:
    """How often the samples were preferred."""
    return _preference(study, made, compute, "samples")


def read_rival_preference(study: UserStudy, made: Path, compute: Compute) -> dict[str, Any]:
    """How often the rival's images were preferred."""
    return _preference(study, made, compute, "rival")


def _preference(study: UserStudy, made: Path, compute: Compute, side: Literal["samples", "rival"]) -> dict[str, Any]:
    from ldm_pipelines.user_study.preference import measure_preference

    return measure_preference(study, made, compute.raw_links / "user_study" / study.name, side)
