"""Latent diffusion models."""

from pathlib import Path

from ldm_pipelines.compute import Compute
from ldm_pipelines.diffusion.spec import LDM
from ldm_pipelines.pipelines.workspace import Trained, trained, workspace_for
from ldm_pipelines.seeding import derive_seed

STAGE = "train_diffusion"


def train_diffusion(ldm: LDM, seed: int, latents: Path, dataset: Path, autoencoder: Path, compute: Compute) -> Trained:
    """A denoiser with its conditioner, trained on cached latents."""
    from ldm_pipelines.diffusion.train import train
    from ldm_pipelines.tracking.logger import active_logger

    seed = derive_seed(seed, STAGE, ldm.name)
    workspace = workspace_for(STAGE, ldm, seed, compute, latents, dataset, autoencoder)
    return trained(
        train(
            ldm, latents, dataset, autoencoder, seed=seed, workspace=workspace, compute=compute, logger=active_logger()
        )
    )
