"""Restorations without a model, from the conditions that models get."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from support.conditionings import definition
from support.tiny_models import COMPUTE, write_scenes

from ldm_pipelines.data.degradations import degrade
from ldm_pipelines.data.masks import draw_mask
from ldm_pipelines.data.prepared import ImageSplit, PreparedDataset
from ldm_pipelines.data.randomness import image_generator
from ldm_pipelines.errors import InputError
from ldm_pipelines.sampling.baselines import make_baseline, mean_fill, nearest_fill, upsampled
from ldm_pipelines.sampling.spec import Baseline


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scenes(tmp_path_factory.mktemp("scenes"))


def make(kind: str, conditioning: str, dataset: Path, workspace: Path, count: int = 5) -> Path:
    spec = Baseline(name="set", dataset="scenes", split="test", kind=kind, ldm="model", count=count)
    return make_baseline(spec, definition(conditioning), dataset, workspace=workspace, compute=COMPUTE)


def pixels(folder: Path) -> list[np.ndarray]:
    return [np.asarray(Image.open(folder / path)) for path in pd.read_parquet(folder / "samples.parquet")["path"]]


def truths(dataset: Path) -> tuple[ImageSplit, np.ndarray]:
    split = PreparedDataset(dataset).split("test")
    return split, split.pixels(np.arange(5))


@pytest.mark.parametrize("conditioning", ["low_res_bicubic", "low_res_bsr"])
def test_upsampled_images_are_made_from_the_fixed_low_resolution_ones(
    dataset: Path, conditioning: str, tmp_path: Path
) -> None:
    folder = make("upsampled", conditioning, dataset, tmp_path)
    split, originals = truths(dataset)
    degradation = definition(conditioning).degradation
    for made, original, name in zip(pixels(folder), originals, split.ids, strict=False):
        low_res = degrade(original, degradation, image_generator("low_res", name))
        assert (made == np.asarray(Image.fromarray(low_res).resize((32, 32), Image.Resampling.BICUBIC))).all()


@pytest.mark.parametrize("kind", ["mean_fill", "nearest_fill"])
def test_filled_images_keep_what_is_known_and_see_nothing_of_the_hole(dataset: Path, kind: str, tmp_path: Path) -> None:
    folder = make(kind, "mini_inpainting", dataset, tmp_path)
    split, originals = truths(dataset)
    fill = {"mean_fill": mean_fill, "nearest_fill": nearest_fill}[kind]
    for made, original, name in zip(pixels(folder), originals, split.ids, strict=False):
        hole = draw_mask(32, definition("mini_inpainting").masks, image_generator("mask", name))
        assert (made[~hole] == original[~hole]).all()
        blackened = np.where(hole[..., None], np.uint8(0), original)
        assert (fill(blackened, hole) == made).all()


def test_the_folder_is_a_sample_set(dataset: Path, tmp_path: Path) -> None:
    folder = make("mean_fill", "mini_inpainting", dataset, tmp_path)
    info = json.loads((folder / "samples.json").read_text())
    assert (info["name"], info["kind"], info["count"], info["image_size"]) == ("set", "mean_fill", 5, 32)
    assert (info["dataset"], info["split"]) == ("scenes", "test")
    assert info["conditioning"] == definition("mini_inpainting").model_dump(mode="json")
    table = pd.read_parquet(folder / "samples.parquet")
    assert table["condition"].tolist() == PreparedDataset(dataset).split("test").ids[:5]
    assert (table["label"] == -1).all()
    assert (folder / "grid.png").exists()


def test_the_same_command_gives_the_same_bytes_in_any_batch(dataset: Path, tmp_path: Path) -> None:
    contents = []
    for batch in (1, 3):
        spec = Baseline(name="set", dataset="scenes", split="test", kind="nearest_fill", ldm="model", count=5)
        compute = COMPUTE.model_copy(update={"inference_batch_size": batch})
        folder = make_baseline(
            spec, definition("mini_inpainting"), dataset, workspace=tmp_path / str(batch), compute=compute
        )
        contents.append({p.name: p.read_bytes() for p in folder.rglob("*") if p.is_file()})
    assert contents[0] == contents[1]


def test_a_baseline_of_another_task_is_refused(dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="upsampled restores images of low_res conditioning"):
        make("upsampled", "mini_inpainting", dataset, tmp_path)


def test_fills_of_a_small_image_by_hand() -> None:
    image = np.zeros((1, 4, 3), dtype=np.uint8)
    image[0, :, 0] = [10, 99, 99, 41]
    hole = np.array([[False, True, True, False]])
    assert nearest_fill(image, hole)[0, :, 0].tolist() == [10, 10, 41, 41]
    assert mean_fill(image, hole)[0, :, 0].tolist() == [10, 26, 26, 41]  # 25.5 rounds to even
    everything = np.ones((1, 4), dtype=bool)
    assert (nearest_fill(image, everything) == 128).all()


def test_an_enlarged_flat_image_is_flat() -> None:
    assert (upsampled(np.full((4, 4, 3), 77, dtype=np.uint8), 16) == 77).all()
