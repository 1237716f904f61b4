"""First stages."""

from pathlib import Path
from typing import Any

from ldm_pipelines.autoencoders.spec import Autoencoder
from ldm_pipelines.compute import Compute
from ldm_pipelines.pipelines.workspace import trained, workspace_for
from ldm_pipelines.seeding import derive_seed

STAGE = "train_autoencoder"


def train_autoencoder(
    autoencoder: Autoencoder, seed: int, dataset: Path, feature_network: Path, compute: Compute
) -> tuple[Any, dict[str, Any], Any, Path]:
    """A picture of inputs over reconstructions, metrics, curves, and the first stage itself."""
    from PIL import Image

    from ldm_pipelines.autoencoders.train import train
    from ldm_pipelines.launch.train import launch
    from ldm_pipelines.tracking.logger import active_logger

    seed = derive_seed(seed, STAGE, autoencoder.name)
    workspace = workspace_for(STAGE, autoencoder, seed, compute, dataset, feature_network)
    recipe = autoencoder.training
    folder = launch(
        train, autoencoder, dataset, feature_network,
        batch=(f"autoencoders.{autoencoder.name}.training.batch_size", recipe.batch_size) if recipe else None,
        seed=seed, workspace=workspace, compute=compute, logger=active_logger(),
    )  # fmt: skip
    picture = Image.open(folder / "pictures" / "reconstructions.png").convert("RGB")
    return picture, *trained(folder)
