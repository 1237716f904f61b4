"""Every task of the paper by the real commands, each trained for a few steps."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from diffusers import DiffusionPipeline
from PIL import Image
from support.clone import Clone, copy_project
from support.notebooks import execute

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("tasks")]


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    clone = copy_project(tmp_path_factory.mktemp("tasks"), "smoke_tasks")
    clone.run("kedro", "run", "--pipelines=everything")
    return clone


def metrics(tasks: Clone, suite: str, name: str) -> dict[str, float]:
    file = tasks.root / "data" / "08_reporting" / "metrics" / suite / f"{name}.json"
    measured: dict[str, float] = json.loads(file.read_text())["metrics"]
    return measured


def samples(tasks: Clone, name: str) -> tuple[Path, pd.DataFrame]:
    folder = tasks.root / "data" / "07_model_output" / "samples" / name
    return folder, pd.read_parquet(folder / "samples.parquet").sort_values("index")


def test_every_sample_set_of_the_study_is_there_with_its_picture(tasks: Clone) -> None:
    study = yaml.safe_load((tasks.root / "params.yaml").read_text())
    for name, entity in {**study["samples"], **study["baselines"]}.items():
        folder, table = samples(tasks, name)
        assert len(table) == entity["count"] == len(list((folder / "images").glob("*.png")))
        assert (tasks.root / "data" / "08_reporting" / "grids" / "samples" / f"{name}.png").is_file()


def test_obedience_is_measured_for_each_kind_of_condition_and_true_images_obey(tasks: Clone) -> None:
    for suite, name, wanted in (
        ("text_to_image", "scenes_text", "caption_accuracy"),
        ("layout_to_image", "scenes_layout", "box_iou"),
        ("semantic_synthesis", "scenes_semantic", "map_accuracy"),
    ):
        measured = metrics(tasks, suite, name)
        assert 0 <= measured[wanted] <= 1
        of_truth = {metric: value for metric, value in measured.items() if metric.endswith("_of_truth")}
        assert f"{wanted}_of_truth" in of_truth
        assert min(of_truth.values()) >= 0.95


def test_restored_images_are_measured_against_the_images_they_were_made_from(tasks: Clone) -> None:
    for suite, name in (
        ("super_resolution", "photos_super_resolution"), ("super_resolution", "photos_bicubic"),
        ("inpainting", "photos_inpainting"), ("inpainting", "photos_nearest_fill"),
    ):  # fmt: skip
        assert set(metrics(tasks, suite, name)) >= {"psnr", "ssim", "psim", "fid"}


def test_inpainting_leaves_the_known_pixels_as_they_are(tasks: Clone) -> None:
    assert metrics(tasks, "inpainting", "photos_inpainting")["known_pixels_changed"] == 0
    folder, table = samples(tasks, "photos_inpainting")
    dataset = tasks.root / "data" / "03_primary" / "photos"
    files = pd.read_parquet(dataset / "manifest.parquet").set_index("id")["path"]
    for row in table.itertuples():
        made = np.asarray(Image.open(folder / str(row.path)))
        truth = np.asarray(Image.open(dataset / files[str(row.condition)]))
        assert (made == truth).all(axis=2).mean() > 0.4  # at most half is hidden, and a hole is where they differ


def test_conditions_of_samples_are_those_of_unseen_images(tasks: Clone) -> None:
    for name, dataset in (("scenes_text", "scenes"), ("photos_super_resolution", "photos")):
        manifest = pd.read_parquet(tasks.root / "data" / "03_primary" / dataset / "manifest.parquet").set_index("id")
        _, table = samples(tasks, name)
        assert (manifest.loc[table["condition"], "split"] == "test").all()


def test_the_user_study_is_made_and_without_answers_nothing_is_claimed(tasks: Clone) -> None:
    folder = tasks.root / "data" / "08_reporting" / "user_study" / "super_resolution"
    assert {file.name for file in folder.iterdir()} == {"index.html", "key.json"}
    for name in ("super_resolution", "super_resolution_rival"):
        measured = metrics(tasks, "user_study", name)
        assert measured["preference_vs_gt_pct"] is None
        assert (measured["answers"], measured["participants"]) == (0, 0)


def test_an_exported_model_is_a_pipeline_of_diffusers_that_draws(tasks: Clone) -> None:
    tasks.run("kedro", "run", "--pipelines=export_model.photos_unconditional")
    folder = tasks.root / "data" / "06_models" / "exports" / "photos_unconditional"
    pipeline = DiffusionPipeline.from_pretrained(folder, local_files_only=True)
    assert type(pipeline).__name__ == "LDMPipeline"
    (image,) = pipeline(num_inference_steps=2, generator=torch.manual_seed(0)).images
    side = yaml.safe_load((tasks.root / "params.yaml").read_text())["datasets"]["photos"]["image_size"]
    assert image.size == (side, side)
    assert np.ptp(np.asarray(image)) > 0


def test_the_notebook_on_diffusers_exports_a_model_and_draws_from_it(tasks: Clone) -> None:
    shown = execute(tasks, "04_diffusers.ipynb")
    assert shown[0] == "photos_unconditional\n"
    assert "model_index.json" in shown[1]
    assert "LDMPipeline" in shown[2]
    assert shown.count("<picture>") == 1
