from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from ldm_pipelines.autoencoders.spec import Autoencoder
from ldm_pipelines.compute import Compute
from ldm_pipelines.feature_networks.classifier import ClassifierNetwork
from ldm_pipelines.feature_networks.networks import save_network
from ldm_pipelines.preparation.prepare import prepare
from ldm_pipelines.preparation.spec import Dataset

torch.set_num_threads(1)


@pytest.fixture
def autoencoder_spec() -> Callable[..., Autoencoder]:
    """A tiny first stage of factor 4; keyword arguments replace entries, wherever their group is."""

    def make(regulariser: str = "kl", **changes: Any) -> Autoencoder:
        architecture = {
            "block_out_channels": (4, 8, 8),
            "layers_per_block": 1,
            "latent_channels": 3,
            "mid_attention": True,
            "norm_num_groups": 4,
            "codebook_size": 16 if regulariser == "vq" else None,
        }
        objective = {
            "reduction": "mean" if regulariser == "vq" else "sum",
            "perceptual_weight": 1.0,
            "kl_weight": 1e-6,
            "codebook_weight": 1.0,
            "disc_start": 2,
            "disc_weight": 0.5,
            "disc_factor": 1.0,
            "disc_num_layers": 2,
            "disc_channels": 4,
        }
        training = {
            "steps": 6,
            "batch_size": 4,
            "learning_rate": 2e-3,
            "final_learning_rate": 1e-4,
            "betas": (0.5, 0.9),
            "validate_every": 3,
            "horizontal_flip": False,
            "codebook_init": "uniform",
        }
        groups = {"architecture": architecture, "objective": objective, "training": training}
        for key, value in changes.items():
            next((group for group in groups.values() if key in group), architecture)[key] = value
        names = {"name": "tiny", "dataset": "few_digits", "feature_network": "small", "regulariser": regulariser}
        return Autoencoder.model_validate(names | groups)

    return make


@pytest.fixture
def identity_spec() -> Autoencoder:
    """No first stage."""
    parts = {"name": "pixels", "dataset": "few_digits", "feature_network": "small", "regulariser": "none"}
    return Autoencoder.model_validate(parts)


@pytest.fixture(scope="session")
def digits_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 real digits at 16x16."""
    dataset = Dataset.model_validate(
        {
            "name": "few_digits",
            "source": {"kind": "digits", "limit": 60},
            "upstream": "digits.py",
            "image_size": 16,
            "resize": "bicubic",
            "splits": {"train": 0.6, "validation": 0.4, "test": 0.0},
        }
    )
    return prepare(dataset, None, tmp_path_factory.mktemp("digits"), progress=False)


@pytest.fixture(scope="session")
def network_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained classifier: enough of a perceptual network here."""
    folder = tmp_path_factory.mktemp("network")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        save_network(ClassifierNetwork("small", channels=(8, 8), classes=[str(d) for d in range(10)]), folder)
    return folder


@pytest.fixture
def compute() -> Compute:
    return Compute(device="cpu", progress=False, inference_batch_size=16)
