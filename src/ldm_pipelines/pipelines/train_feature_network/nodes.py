"""The networks that measure images."""

from pathlib import Path

from ldm_pipelines.compute import Compute
from ldm_pipelines.evaluation.networks.spec import Published
from ldm_pipelines.feature_networks.spec import Classifier, Lpips, Rotation
from ldm_pipelines.pipelines.workspace import Trained, trained, workspace_for
from ldm_pipelines.seeding import derive_seed

STAGE = "train_feature_network"


def train_classifier(feature_network: Classifier, seed: int, dataset: Path, compute: Compute) -> Trained:
    """A classifier of the dataset's labels."""
    return _train(feature_network, seed, dataset, compute)


def train_rotation(feature_network: Rotation, seed: int, dataset: Path, compute: Compute) -> Trained:
    """A classifier of its images' orientation."""
    return _train(feature_network, seed, dataset, compute)


def import_lpips(feature_network: Lpips, seed: int, compute: Compute) -> Trained:
    """LPIPS from its published weights."""
    from ldm_pipelines.feature_networks.prepare import prepare

    workspace = workspace_for(STAGE, feature_network, seed, compute)
    return trained(prepare(feature_network, None, seed=seed, workspace=workspace, compute=compute))


def record_published(feature_network: Published, seed: int, compute: Compute) -> Trained:
    """Which published file a network is, once its file was found to be that."""
    from ldm_pipelines.evaluation.networks.artefacts import record_published as record

    return trained(record(feature_network, workspace_for(STAGE, feature_network, seed, compute), compute))


def _train(feature_network: Classifier | Rotation, seed: int, dataset: Path, compute: Compute) -> Trained:
    from ldm_pipelines.feature_networks.prepare import prepare
    from ldm_pipelines.launch.train import launch
    from ldm_pipelines.tracking.logger import active_logger

    seed = derive_seed(seed, STAGE, feature_network.name)
    workspace = workspace_for(STAGE, feature_network, seed, compute, dataset)
    return trained(
        launch(
            prepare, feature_network, dataset,
            batch=(f"feature_networks.{feature_network.name}.training.batch_size", feature_network.training.batch_size),
            seed=seed, workspace=workspace, compute=compute, logger=active_logger(),
        )
    )  # fmt: skip
