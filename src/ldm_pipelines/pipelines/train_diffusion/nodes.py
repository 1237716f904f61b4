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
    from ldm_pipelines.launch.train import launch
    from ldm_pipelines.tracking.logger import active_logger

    seed = derive_seed(seed, STAGE, ldm.name)
    workspace = workspace_for(STAGE, ldm, seed, compute, latents, dataset, autoencoder)
    return trained(
        launch(
            train, ldm, latents, dataset, autoencoder,
            batch=(f"ldms.{ldm.name}.training.batch_size", ldm.training.batch_size),
            seed=seed, workspace=workspace, compute=compute, logger=active_logger(),
        )
    )  # fmt: skip
