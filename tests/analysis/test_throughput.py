"""What a model costs: finite figures of the right batches. How large they are is the machine's affair."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.analysed import SCENES, Analysed, throughput
from support.tiny_models import COMPUTE, samples

from ldm_pipelines.analysis.sampling_speed import doubled, repeated
from ldm_pipelines.analysis.throughput import measure_throughput
from ldm_pipelines.autoencoders.first_stage import FirstStage
from ldm_pipelines.data.prepared import PreparedDataset
from ldm_pipelines.diffusion.model import LatentDiffusionModel
from ldm_pipelines.digests import digest_folder
from ldm_pipelines.errors import InputError
from ldm_pipelines.sampling.draw import Drawer


def measure(analysed: Analysed, workspace: Path, **changes: Any) -> dict[str, Any]:
    return measure_throughput(
        throughput(**changes), analysed.ldm(), analysed.model, analysed.latents, analysed.dataset,
        analysed.first_stage, seed=0, workspace=workspace, compute=COMPUTE,
    )  # fmt: skip


@pytest.fixture(scope="module")
def analysed(tmp_path_factory: pytest.TempPathFactory) -> Analysed:
    return Analysed(tmp_path_factory.mktemp("analysed"))


def test_the_figures_are_finite_and_agree_with_each_other(analysed: Analysed, tmp_path: Path) -> None:
    result = measure(analysed, tmp_path)
    metrics, protocol = result["metrics"], result["provenance"]["protocol"]
    assert set(metrics) == {
        "train_samples_per_s", "train_step_s", "samples_per_s", "samples_per_s_double", "hours_per_epoch",
        "peak_memory_mib", "device_days",
    }  # fmt: skip
    assert all(math.isfinite(value) and value > 0 for value in metrics.values())
    assert [point["value"] for point in result["points"]] == [1, 2]
    assert metrics["samples_per_s"] == result["points"][-1]["metrics"]["samples_per_s"]
    assert metrics["train_samples_per_s"] == pytest.approx(4 / metrics["train_step_s"])
    assert metrics["device_days"] == pytest.approx(12 * metrics["train_step_s"] / 86400)
    images = len(PreparedDataset(analysed.dataset).split("train"))
    assert metrics["hours_per_epoch"] == pytest.approx(images * metrics["train_step_s"] / 4 / 3600)
    assert (protocol["images_of_an_epoch"], protocol["image_size"], protocol["image_size_double"]) == (images, 32, 64)
    assert protocol["sampler"] == {"kind": "ddim", "steps": 2, "eta": 0.0}


def test_the_result_names_the_model_and_the_machine(analysed: Analysed, tmp_path: Path) -> None:
    provenance = measure(analysed, tmp_path)["provenance"]
    described = provenance["ldm"]
    assert (described["f"], described["batch_size"], described["training_steps"]) == (4, 4, 12)
    assert described["digest"] == digest_folder(analysed.model)
    assert provenance["device"]["name"]
    assert (provenance["device"]["threads"], provenance["device"]["precision"]) == (1, "32-true")
    assert "resident set" in provenance["protocol"]["peak_memory"]


def test_nothing_of_the_training_is_left(analysed: Analysed, tmp_path: Path) -> None:
    before = digest_folder(analysed.model)
    measure(analysed, tmp_path)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    assert digest_folder(analysed.model) == before


@pytest.mark.parametrize(
    "kind", ["none", "mini_text", "mini_layout", "semantic_map", "low_res_bicubic", "mini_inpainting"]
)
def test_models_of_every_kind_of_condition_draw_at_twice_the_side(kind: str, tmp_path: Path) -> None:
    analysed = Analysed(tmp_path / "analysed", kind, SCENES)
    model, first_stage = LatentDiffusionModel.load(analysed.model), FirstStage.load(analysed.first_stage)
    reader = model.conditioner.reader(PreparedDataset(analysed.dataset).split("train"))
    indices = np.arange(2)
    raw = repeated(model, reader.read(indices, None))
    draw = Drawer(doubled(model), first_stage, samples(sampler={"kind": "ddim", "steps": 1, "eta": 0.0}), 0)
    pixels = draw(indices, np.full(2, -1), raw)
    assert pixels.shape == (2, 64, 64, 3)
    assert (pixels[0] != pixels[1]).any()
    metrics = measure(analysed, tmp_path / "work")["metrics"]
    assert all(math.isfinite(value) and value > 0 for value in metrics.values())


def test_what_does_not_fit_the_model_is_refused(analysed: Analysed, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nearest valid: 5 and 8"):
        measure(analysed, tmp_path, sampler_steps=[7])
    other = Analysed(tmp_path / "other", source={"kind": "digits", "limit": 50})
    with pytest.raises(
        InputError, match=r"throughputs\.speed: the latents 'latents' are of another version of dataset"
    ):
        measure_throughput(
            throughput(), analysed.ldm(), analysed.model, other.latents, analysed.dataset, analysed.first_stage,
            seed=0, workspace=tmp_path, compute=COMPUTE,
        )  # fmt: skip
