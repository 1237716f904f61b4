"""Latent caches."""

from pathlib import Path

from ldm_pipelines.compute import Compute
from ldm_pipelines.latents.spec import Latents
from ldm_pipelines.pipelines.workspace import workspace_for


def encode_latents(latents: Latents, dataset: Path, autoencoder: Path, compute: Compute) -> Path:
    """The cache's folder: every image of the dataset through the first stage, once."""
    from ldm_pipelines.latents.encode import encode

    workspace = workspace_for("encode_latents", latents, 0, compute, dataset, autoencoder)
    return encode(latents, dataset, autoencoder, workspace=workspace, compute=compute)
