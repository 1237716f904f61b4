"""Small datasets and networks that several tests measure with."""

from pathlib import Path

import pytest
import torch
from support.sample_sets import DIGITS, scenes

from ldm_pipelines.data.prepared import PreparedDataset
from ldm_pipelines.feature_networks.classifier import ClassifierNetwork, RotationNetwork
from ldm_pipelines.feature_networks.networks import save_network
from ldm_pipelines.preparation.prepare import prepare

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Digits, of which half are the test split."""
    return prepare(DIGITS, None, tmp_path_factory.mktemp("digits"), progress=False)


@pytest.fixture(scope="session")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Scenes of two shapes."""
    return prepare(scenes("pairs", (2, 2), 0.0, 64), None, tmp_path_factory.mktemp("pairs"), progress=False)


@pytest.fixture(scope="session")
def layouts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Scenes of two to four shapes that hide parts of each other."""
    return prepare(scenes("layouts", (2, 4), 0.3, 48), None, tmp_path_factory.mktemp("layouts"), progress=False)


@pytest.fixture(scope="session")
def network(tmp_path_factory: pytest.TempPathFactory, dataset: Path) -> Path:
    """An untrained classifier of digits."""
    folder = tmp_path_factory.mktemp("network")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        save_network(ClassifierNetwork("classifier", (8, 12), PreparedDataset(dataset).classes), folder)
    return folder


@pytest.fixture(scope="session")
def rotation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained network of quarter turns."""
    folder = tmp_path_factory.mktemp("rotation")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        save_network(RotationNetwork("turns", (8, 12), ["0", "90", "180", "270"]), folder)
    return folder
