"""Models as pipelines of diffusers."""

import shutil
from pathlib import Path

from ldm_pipelines.compute import Compute
from ldm_pipelines.digests import digest_folder


def export_model(ldm: Path, autoencoder: Path, compute: Compute) -> Path:
    """The folder that ``DiffusionPipeline.from_pretrained`` loads."""
    from ldm_pipelines.interop.exporting import export_pipeline

    workspace = compute.workspace / "export_model" / f"{ldm.name}-{digest_folder(ldm)[:16]}"
    shutil.rmtree(workspace, ignore_errors=True)
    return export_pipeline(ldm, autoencoder, workspace / "artefact")
