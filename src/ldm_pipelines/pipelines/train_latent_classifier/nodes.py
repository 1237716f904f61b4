"""Classifiers on noisy latents."""

from pathlib import Path

from ldm_pipelines.compute import Compute
from ldm_pipelines.diffusion.latent_classifier_spec import LatentClassifier
from ldm_pipelines.pipelines.workspace import Trained, trained, workspace_for
from ldm_pipelines.seeding import derive_seed

STAGE = "train_latent_classifier"


def train_classifier(latent_classifier: LatentClassifier, seed: int, latents: Path, compute: Compute) -> Trained:
    """A classifier that guides diffusion models on the same latents."""
    from ldm_pipelines.diffusion.train_latent_classifier import train_latent_classifier
    from ldm_pipelines.tracking.logger import active_logger

    seed = derive_seed(seed, STAGE, latent_classifier.name)
    workspace = workspace_for(STAGE, latent_classifier, seed, compute, latents)
    return trained(
        train_latent_classifier(
            latent_classifier, latents, seed=seed, workspace=workspace, compute=compute, logger=active_logger()
        )
    )
