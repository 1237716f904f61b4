from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from ldm_pipelines.compute import Compute
from ldm_pipelines.feature_networks.spec import Classifier
from ldm_pipelines.preparation.prepare import prepare
from ldm_pipelines.preparation.spec import Dataset

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def digits_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """300 real digits at 16x16, without a validation split."""
    dataset = Dataset.model_validate(
        {
            "name": "few_digits",
            "source": {"kind": "digits", "limit": 300},
            "upstream": "digits.py",
            "image_size": 16,
            "resize": "bicubic",
            "splits": {"train": 0.8, "validation": 0.0, "test": 0.2},
        }
    )
    return prepare(dataset, None, tmp_path_factory.mktemp("digits"), progress=False)


@pytest.fixture
def compute(tmp_path: Path) -> Compute:
    return Compute(device="cpu", progress=False, weights_dir=tmp_path / "weights")


@pytest.fixture
def classifier_spec() -> Callable[..., Classifier]:
    def make(**training: Any) -> Classifier:
        return Classifier.model_validate(
            {
                "name": "few_digits_classifier",
                "kind": "classifier",
                "dataset": "few_digits",
                "upstream": "data",
                "channels": [16, 32, 64],
                "training": {
                    "steps": 120,
                    "batch_size": 32,
                    "learning_rate": 1e-2,
                    "weight_decay": 0.01,
                    "max_shift": 1,
                    "noise": 0.05,
                    **training,
                },
            }
        )

    return make
