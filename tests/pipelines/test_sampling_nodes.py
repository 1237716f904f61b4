"""The nodes of sampling, of baselines and of latent classifiers: from parameters and folders to what the catalog saves."""

from pathlib import Path

import pandas as pd
import pytest
from PIL import Image
from support.conditionings import definition
from support.latent_caches import write_cache
from support.tiny_models import COMPUTE, SCHEDULE, UNET, samples, write_first_stage, write_model, write_scenes

from ldm_pipelines.compute import Compute
from ldm_pipelines.diffusion.latent_classifier_spec import LatentClassifier
from ldm_pipelines.diffusion.spec import LDM
from ldm_pipelines.errors import InputError
from ldm_pipelines.pipelines.baseline.nodes import restore_without_model
from ldm_pipelines.pipelines.sample.nodes import draw_samples
from ldm_pipelines.pipelines.train_latent_classifier.nodes import train_classifier
from ldm_pipelines.sampling.spec import Baseline


@pytest.fixture
def compute(tmp_path: Path) -> Compute:
    return COMPUTE.under(tmp_path)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scenes(tmp_path_factory.mktemp("scenes"))


def ldm(conditioning: str) -> LDM:
    return LDM.model_validate(
        {
            "name": "model", "latent": "cache", "dataset": "scenes", "autoencoder": "kl",
            "denoiser": {**UNET, "transformer_depth": 0}, "schedule": SCHEDULE.model_dump(),
            "conditioning": definition(conditioning).model_dump(),
            "training": {
                "steps": 1, "batch_size": 1, "learning_rate": 1e-3, "weight_decay": 0, "warmup_steps": 0, "loss": "l2",
                "final_learning_rate": None, "ema_decay": 0.9, "gradient_clip": None, "horizontal_flip": False,
            },
        }
    )  # fmt: skip


def test_a_sample_set_and_its_grid(dataset: Path, tmp_path: Path, compute: Compute) -> None:
    first_stage = write_first_stage(tmp_path / "kl")
    model = write_model(tmp_path / "model", "semantic_map", dataset, first_stage)
    grid, folder = draw_samples(samples(), 0, model, first_stage, dataset, compute)
    assert isinstance(grid, Image.Image)
    assert len(pd.read_parquet(folder / "samples.parquet")) == 6
    assert folder.is_relative_to(tmp_path)
    _, again = draw_samples(samples(), 1, model, first_stage, dataset, compute)
    assert again != folder  # another seed, another workspace


def test_a_baseline_and_its_grid_depend_on_the_conditioning_of_the_model(
    dataset: Path, tmp_path: Path, compute: Compute
) -> None:
    spec = Baseline(name="bicubic", dataset="scenes", split="test", kind="upsampled", ldm="model", count=3)
    grid, folder = restore_without_model(spec, ldm("low_res_bicubic"), dataset, compute)
    assert isinstance(grid, Image.Image)
    assert len(pd.read_parquet(folder / "samples.parquet")) == 3
    _, other = restore_without_model(spec, ldm("low_res_bsr"), dataset, compute)
    assert other != folder
    with pytest.raises(InputError, match="'model' has semantic conditioning"):
        restore_without_model(spec, ldm("semantic_map"), dataset, compute)


def test_a_latent_classifier_with_its_metrics_and_curves(tmp_path: Path, compute: Compute) -> None:
    write_cache(tmp_path / "cache")
    spec = LatentClassifier.model_validate(
        {
            "name": "noisy", "latent": "cache", "unet": {**UNET, "transformer_depth": 0},
            "schedule": SCHEDULE.model_dump(),
            "training": {"steps": 3, "batch_size": 4, "learning_rate": 1e-3, "weight_decay": 0.01},
        }
    )  # fmt: skip
    metrics, curves, folder = train_classifier(spec, 0, tmp_path / "cache", compute)
    assert 0 <= metrics["accuracy"] <= 1
    assert "train_loss" in curves
    assert (folder / "classifier.safetensors").exists()
