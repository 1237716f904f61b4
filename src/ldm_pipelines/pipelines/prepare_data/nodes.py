"""Raw images to a checked dataset."""

from pathlib import Path

from ldm_pipelines.compute import Compute
from ldm_pipelines.data.spec import Dataset


def prepare_data(dataset: Dataset, compute: Compute) -> Path:
    """The prepared dataset's folder."""
    from ldm_pipelines.data.prepare import prepare
    from ldm_pipelines.pipelines.workspace import workspace_for

    raw = compute.dataset_paths.get(dataset.name, compute.raw_dir / dataset.name)
    return prepare(dataset, raw, workspace_for("prepare_data", dataset, 0, compute), compute.progress)
