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
    from ldm_pipelines.launch.train import launch
    from ldm_pipelines.tracking.logger import active_logger

    seed = derive_seed(seed, STAGE, latent_classifier.name)
    workspace = workspace_for(STAGE, latent_classifier, seed, compute, latents)
    recipe = latent_classifier.training
    return trained(
        launch(
            train_latent_classifier, latent_classifier, latents,
            batch=(f"latent_classifiers.{latent_classifier.name}.training.batch_size", recipe.batch_size),
            seed=seed, workspace=workspace, compute=compute, logger=active_logger(),
        )
    )  # fmt: skip
