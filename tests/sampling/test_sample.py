"""Sample sets of every kind of model: what is in the folder, and that it is always the same."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from support.conditionings import definition
from support.tiny_models import COMPUTE, samples, write_first_stage, write_model, write_scenes

from ldm_pipelines.autoencoders.first_stage import FirstStage
from ldm_pipelines.data.degradations import degrade
from ldm_pipelines.data.masks import draw_mask
from ldm_pipelines.data.prepared import PreparedDataset
from ldm_pipelines.data.randomness import image_generator
from ldm_pipelines.data.spec import Degradation, Masks
from ldm_pipelines.diffusion.model import LatentDiffusionModel
from ldm_pipelines.errors import InputError
from ldm_pipelines.sampling.sample import sample

KINDS = ("class", "none", "mini_text", "mini_layout", "semantic_map", "low_res_bicubic", "mini_inpainting")
FROM_DATASET = KINDS[2:]


class Project:
    """A dataset, a first stage, and a model of every kind that is asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.dataset = write_scenes(folder / "scenes")
        self.first_stage = write_first_stage(folder / "kl")
        self._models: dict[str, Path] = {}

    def model(self, kind: str) -> Path:
        if kind not in self._models:
            self._models[kind] = write_model(self.folder / kind, kind, self.dataset, self.first_stage)
        return self._models[kind]

    def sample(self, kind: str, workspace: Path, *, batch: int = 4, seed: int = 5, **changes: Any) -> Path:
        compute = COMPUTE.model_copy(update={"inference_batch_size": batch})
        return sample(
            samples(**changes), self.model(kind), self.first_stage, self.dataset,
            seed=seed, workspace=workspace, compute=compute,
        )  # fmt: skip


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(tmp_path_factory.mktemp("project"))


def pixels(folder: Path) -> np.ndarray:
    return np.stack([np.asarray(Image.open(folder / p)) for p in pd.read_parquet(folder / "samples.parquet")["path"]])


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("kind", KINDS)
def test_the_folder_says_how_the_images_were_made(project: Project, kind: str, tmp_path: Path) -> None:
    folder = project.sample(kind, tmp_path)
    info = json.loads((folder / "samples.json").read_text())
    table = pd.read_parquet(folder / "samples.parquet")
    assert pixels(folder).shape == (6, 32, 32, 3)
    assert (info["count"], info["image_size"], info["seed"], info["split"]) == (6, 32, 5, "test")
    assert info["conditioning"] == definition(kind).model_dump(mode="json")
    assert info["n_params"] > 0
    assert list(table.columns) == ["index", "path", "label", "condition"]
    assert Image.open(folder / "grid.png").width > 64
    test = PreparedDataset(project.dataset).split("test")
    if kind in FROM_DATASET:
        assert table["condition"].tolist() == test.ids[:6]
        assert (table["label"] == -1).all()
        assert info["dataset_digest"] == PreparedDataset(project.dataset).digest
        assert info["classes"] == []
    else:
        assert (table["condition"] == "").all()
        assert table["label"].tolist() == (list(range(6)) if kind == "class" else [-1] * 6)
        assert len(info["classes"]) == (10 if kind == "class" else 0)


@pytest.mark.parametrize("kind", KINDS)
def test_images_do_not_depend_on_the_batch_size(project: Project, kind: str, tmp_path: Path) -> None:
    one = pixels(project.sample(kind, tmp_path / "1", batch=1)).astype(int)
    five = pixels(project.sample(kind, tmp_path / "5", batch=5)).astype(int)
    # the same draws; convolutions of other batch shapes may round another way
    assert np.abs(one - five).max() <= 1
    assert (one != five).mean() < 0.01


SAMPLERS: list[dict[str, Any]] = [
    {"kind": "plms", "steps": 4},
    {"kind": "ddpm", "steps": 5},
    {"kind": "dpm_solver", "steps": 3, "order": 2},
    {"kind": "diffusers", "scheduler": "EulerAncestralDiscreteScheduler", "steps": 3, "arguments": {}},
]


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda sampler: sampler["kind"])
def test_every_sampler_draws_the_same_images_in_any_batch(
    project: Project, sampler: dict[str, Any], tmp_path: Path
) -> None:
    one = pixels(project.sample("class", tmp_path / "1", batch=1, sampler=sampler)).astype(int)
    four = pixels(project.sample("class", tmp_path / "4", batch=4, sampler=sampler)).astype(int)
    assert np.abs(one - four).max() <= 1
    assert json.loads((tmp_path / "1/artefact/samples.json").read_text())["sampler"] == sampler


@pytest.mark.parametrize("kind", ["class", "mini_inpainting"])
def test_an_interrupted_set_keeps_its_images_and_ends_the_same(project: Project, kind: str, tmp_path: Path) -> None:
    whole = project.sample(kind, tmp_path / "whole", batch=2)
    again = project.sample(kind, tmp_path / "again", batch=2)
    before = contents(again)
    kept = (again / "images" / "000000.png").stat().st_mtime_ns
    for number in (2, 3, 4, 5):
        (again / "images" / f"{number:06d}.png").unlink()
    (again / "samples.json").unlink()
    project.sample(kind, tmp_path / "again", batch=2)
    assert (again / "images" / "000000.png").stat().st_mtime_ns == kept
    assert contents(again) == before == contents(whole)


def test_more_images_than_conditions_start_again_with_other_noise(project: Project, tmp_path: Path) -> None:
    test = PreparedDataset(project.dataset).split("test")
    count = len(test) + 2
    folder = project.sample("semantic_map", tmp_path, count=count)
    assert pd.read_parquet(folder / "samples.parquet")["condition"].tolist() == [*test.ids, *test.ids[:2]]
    drawn = pixels(folder)
    assert (drawn[0] != drawn[len(test)]).mean() > 0.5


def test_known_pixels_of_inpainted_images_are_those_of_the_dataset(project: Project, tmp_path: Path) -> None:
    folder = project.sample("mini_inpainting", tmp_path)
    masks = Masks.model_validate(json.loads((folder / "samples.json").read_text())["conditioning"]["masks"])
    test = PreparedDataset(project.dataset).split("test")
    for drawn, truth, name in zip(pixels(folder), test.pixels(np.arange(6)), test.ids, strict=False):
        hole = draw_mask(32, masks, image_generator("mask", name))
        assert (drawn[~hole] == truth[~hole]).all()
        assert (drawn[hole] != truth[hole]).mean() > 0.5


def test_conditions_matter_and_are_those_of_the_named_images(project: Project, tmp_path: Path) -> None:
    """The set drawn by hand, from the conditions that the columns and parameters in the folder name."""
    from ldm_pipelines.data.tensors import to_pixels, to_tensor
    from ldm_pipelines.sampling.draw import image_noise, under_condition
    from ldm_pipelines.sampling.samplers import trajectory

    folder = project.sample("low_res_bsr", tmp_path, batch=6)
    info = json.loads((folder / "samples.json").read_text())
    degradation = Degradation.model_validate(info["conditioning"]["degradation"])
    test = PreparedDataset(project.dataset).split(info["split"])
    ids = pd.read_parquet(folder / "samples.parquet")["condition"]
    truths = [test.pixels(np.array([test.ids.index(name)]))[0] for name in ids]
    low_res = [degrade(t, degradation, image_generator("low_res", n)) for t, n in zip(truths, ids, strict=True)]
    model = LatentDiffusionModel.load(project.model("low_res_bsr"))
    noise = image_noise(5, range(6), (3, 8, 8), "cpu")
    with torch.no_grad():
        denoise = under_condition(model, {"low_res": to_tensor(np.stack(low_res))}, 1.0)
        *_, z = trajectory(denoise, noise(), model.scheduler, samples().sampler, noise)
        drawn = to_pixels(FirstStage.load(project.first_stage).decode(z / model.info.scale_factor))
    assert np.abs(drawn.astype(int) - pixels(folder)).max() <= 1


def test_guidance_changes_the_images_and_needs_a_null_condition(project: Project, tmp_path: Path) -> None:
    plain = pixels(project.sample("mini_text", tmp_path / "1"))
    guided = pixels(project.sample("mini_text", tmp_path / "2", guidance_scale=5.0))
    assert (plain != guided).any()
    with pytest.raises(InputError, match="semantic conditioning has no null condition"):
        project.sample("semantic_map", tmp_path / "3", guidance_scale=2.0)


def test_a_null_condition_that_was_never_learnt_guides_nothing(project: Project, tmp_path: Path) -> None:
    """As of the released layout model, which no study describes."""
    model = LatentDiffusionModel.load(project.model("mini_layout"))
    model.info.conditioning["null_probability"] = 0.0
    model.save(tmp_path / "imported")
    how: dict[str, Any] = {"seed": 5, "workspace": tmp_path / "samples", "compute": COMPUTE}
    folders = tmp_path / "imported", project.first_stage, project.dataset
    with pytest.raises(InputError, match="guidance_scale must be 1: 'tiny' never learnt its null condition"):
        sample(samples(guidance_scale=2.0), *folders, **how)
    sample(samples(), *folders, **how)


def test_images_can_be_guided_by_their_low_resolution_version_and_by_nothing_else(
    project: Project, tmp_path: Path
) -> None:
    plain = pixels(project.sample("low_res_bicubic", tmp_path / "1"))
    guided = pixels(project.sample("low_res_bicubic", tmp_path / "2", image_guidance={"scale": 1.0}))
    assert (plain != guided).any()
    with pytest.raises(InputError, match="needs a low-resolution image to agree with"):
        project.sample("class", tmp_path / "3", image_guidance={"scale": 1.0})


def test_another_first_stage_than_the_models_own_is_refused(project: Project, tmp_path: Path) -> None:
    other = FirstStage.load(project.first_stage)
    torch.nn.init.zeros_(other.last_weight)
    other.save(tmp_path / "other")
    with pytest.raises(InputError, match="is not the first stage that 'tiny' was trained with"):
        sample(
            samples(), project.model("none"), tmp_path / "other", project.dataset,
            seed=0, workspace=tmp_path / "w", compute=COMPUTE,
        )  # fmt: skip


def test_what_the_dataset_does_not_have_is_asked_for_before_anything_is_drawn(project: Project, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="split 'validation' of dataset 'scenes' is empty"):
        project.sample("mini_text", tmp_path, split="validation")
    assert not list(tmp_path.rglob("*.png"))


def test_an_impossible_sampler_is_refused_before_anything_is_drawn(project: Project, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nearest valid: 5 and 8"):
        project.sample("class", tmp_path, sampler={"kind": "ddim", "steps": 7, "eta": 0.0})
    with pytest.raises(InputError, match="did you mean 'HeunDiscreteScheduler'"):
        project.sample("class", tmp_path, sampler={"kind": "diffusers", "steps": 7, "scheduler": "HeunScheduler"})
    assert not list(tmp_path.rglob("*.png"))


@pytest.mark.parametrize("kind", ["mini_text", "semantic_map", "mini_inpainting"])
def test_the_gallery_has_conditions_samples_and_truth_below_each_other(
    project: Project, kind: str, tmp_path: Path
) -> None:
    folder = project.sample(kind, tmp_path, count=8)
    grid = np.asarray(Image.open(folder / "grid.png").convert("RGB"))
    truth = PreparedDataset(project.dataset).split("test").pixels(np.array([0]))[0].repeat(3, 0).repeat(3, 1)
    drawn = pixels(folder)[0].repeat(3, 0).repeat(3, 1)
    windows = np.lib.stride_tricks.sliding_window_view(grid, (96, 96, 3))[:, :, 0]
    left = 8  # two gaps of a 24th of a tile
    rows = [np.argwhere((windows[:, left] == tile).all(axis=(1, 2, 3))) for tile in (drawn, truth)]
    assert len(rows[0]) == len(rows[1]) == 1
    assert rows[1][0, 0] - rows[0][0, 0] > 96  # the sample above, the truth below
    assert rows[0][0, 0] > 96  # and above both, the condition
