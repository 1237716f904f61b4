"""Tiny latent diffusion models of every kind: trained, killed, resumed."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest
import torch
from diffusers import UNet2DConditionModel
from support.conditionings import definition
from support.tiny_models import CLASSES, SCHEDULE, TOKENISED, UNET, write_first_stage

from ldm_pipelines.compute import Compute
from ldm_pipelines.data.manifest import read_manifest, write_manifest
from ldm_pipelines.data.prepared import PreparedDataset
from ldm_pipelines.diffusion.conditioners.conditioner import drop_some
from ldm_pipelines.diffusion.model import LatentDiffusionModel
from ldm_pipelines.diffusion.schedule import noised
from ldm_pipelines.diffusion.spec import LDM, Prediction
from ldm_pipelines.diffusion.train import SNAPSHOTS, build_module, train
from ldm_pipelines.errors import InputError
from ldm_pipelines.latents.cache import LatentCache, draw_latents
from ldm_pipelines.latents.encode import encode
from ldm_pipelines.latents.spec import Latents
from ldm_pipelines.preparation.prepare import prepare
from ldm_pipelines.preparation.spec import Dataset
from ldm_pipelines.training.draws import Draws

COMPUTE = Compute(device="cpu", num_threads=1, progress=False, checkpoint_every=4, inference_batch_size=8)
SOURCES: dict[str, dict[str, Any]] = {
    "digits": {"kind": "digits", "limit": 60},
    "scenes": {"kind": "scenes", "count": 40, "objects": [2, 3], "overlap": 0.2, "grid": None, "seed": 0},
}
OF_SCENES = ("none", "mini_text", "mini_layout", "semantic_map", "low_res_bicubic", "low_res_bsr", "mini_inpainting")


class Inputs:
    """A prepared dataset, an untrained first stage, and the latents of the one by the other."""

    def __init__(self, folder: Path, source: str) -> None:
        self.dataset = prepare(
            Dataset.model_validate(
                {
                    "name": source, "source": SOURCES[source], "upstream": "-", "image_size": 32, "resize": "box",
                    "splits": {"train": 0.7, "validation": 0.0, "test": 0.3},
                }
            ),
            None, folder / "dataset", progress=False,
        )  # fmt: skip
        self.first_stage = write_first_stage(folder / "first_stage")
        self.encode(folder)

    def encode(self, folder: Path) -> None:
        spec = Latents(name="latents", dataset="d", autoencoder="kl", shard_size=25, dtype="float32")
        self.latents = encode(spec, self.dataset, self.first_stage, workspace=folder / "latents", compute=COMPUTE)

    @property
    def folders(self) -> tuple[Path, Path, Path]:
        """Arguments of ``train``."""
        return self.latents, self.dataset, self.first_stage


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    return Inputs(tmp_path_factory.mktemp("digits"), "digits")


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    return Inputs(tmp_path_factory.mktemp("scenes"), "scenes")


def ldm(conditioning: str = "class", **training: Any) -> LDM:
    recipe = {
        "steps": 12, "batch_size": 8, "learning_rate": 1e-3, "weight_decay": 0.01, "warmup_steps": 3, "loss": "l2",
        "ema_decay": 0.99, "gradient_clip": None, "horizontal_flip": conditioning == "class",
    }  # fmt: skip
    return LDM.model_validate(
        {
            "name": "tiny", "latent": "latents", "dataset": "d", "autoencoder": "kl",
            "denoiser": {**UNET, "transformer_depth": int(conditioning in TOKENISED)},
            "conditioning": definition(conditioning), "schedule": SCHEDULE, "training": {**recipe, **training},
        }
    )  # fmt: skip


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_training_lowers_the_loss_and_writes_a_folder_that_diffusers_reads(digits: Inputs, tmp_path: Path) -> None:
    folder = train(ldm(steps=120, learning_rate=3e-3), *digits.folders, seed=0, workspace=tmp_path, compute=COMPUTE)
    losses = pd.read_csv(folder / "curves.csv")["train_loss"].dropna()
    assert losses.iloc[-20:].mean() < 0.8 * losses.iloc[:5].mean()
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["images_seen"] == 120 * 8
    assert metrics["val_loss"] > 0
    assert isinstance(UNet2DConditionModel.from_pretrained(folder / "denoiser"), UNet2DConditionModel)
    assert LatentDiffusionModel.load(folder).info.classes == CLASSES


@torch.no_grad()
@pytest.mark.parametrize("prediction", get_args(Prediction))
def test_whatever_a_denoiser_predicts_the_model_finds_the_noise(
    digits: Inputs, tmp_path: Path, prediction: Prediction
) -> None:
    spec = ldm(steps=120, learning_rate=3e-3)
    spec = spec.model_copy(update={"schedule": SCHEDULE.model_copy(update={"prediction": prediction})})
    model = LatentDiffusionModel.load(train(spec, *digits.folders, seed=0, workspace=tmp_path, compute=COMPUTE))
    cache, draws = LatentCache(digits.latents), torch.Generator().manual_seed(0)
    batch = cache.split("train").read(np.arange(16), None)
    eps, drawn = (torch.randn(16, *model.info.latent_shape, generator=draws) for _ in range(2))
    z = draw_latents(batch["moments"], cache.info, drawn)
    condition = model.conditioner({"label": batch["label"]})
    for t in (200, 500, 900):
        alpha = model.scheduler.alphas_cumprod[t]
        found = model.noise_in(noised(z, alpha, eps), torch.tensor(t), condition)
        assert (found - eps).square().mean() < 0.7


@pytest.mark.parametrize("conditioning", OF_SCENES)
def test_every_kind_trains_is_saved_and_denoises_the_same_when_loaded(
    scenes: Inputs, tmp_path: Path, conditioning: str
) -> None:
    spec = ldm(conditioning, steps=3)
    folder = train(spec, *scenes.folders, seed=0, workspace=tmp_path / "a", compute=COMPUTE)
    assert files(folder) == files(train(spec, *scenes.folders, seed=0, workspace=tmp_path / "b", compute=COMPUTE))
    model = LatentDiffusionModel.load(folder)
    assert model.info.conditioning == spec.conditioning.model_dump(mode="json")
    assert model.conditioner.kind == spec.conditioning.kind
    cache, dataset = LatentCache(scenes.latents), PreparedDataset(scenes.dataset)
    untrained = build_module(spec, cache, dataset, seed=0)
    before = dict(untrained.conditioner.named_parameters())
    after = dict(model.conditioner.named_parameters())
    moved = [name for name, value in after.items() if not torch.equal(value, before[name])]
    assert bool(moved) == (conditioning in {*TOKENISED, "semantic_map"})  # trained jointly where it has weights


@pytest.mark.parametrize("conditioning", ["class", *OF_SCENES])
def test_every_trained_weight_has_a_gradient_which_several_processes_wait_for(
    digits: Inputs, scenes: Inputs, tmp_path: Path, conditioning: str
) -> None:
    inputs = digits if conditioning == "class" else scenes
    compute = COMPUTE.model_copy(update={"checkpoint_every": 1})
    train(ldm(conditioning, steps=2), *inputs.folders, seed=0, workspace=tmp_path, compute=compute)
    (optimiser,) = torch.load(tmp_path / "state.ckpt", weights_only=True)["optimizer_states"]
    assert optimiser["state"].keys() == set(optimiser["param_groups"][0]["params"])


def test_the_saved_denoiser_is_the_average_and_the_conditioner_is_not_averaged(digits: Inputs, tmp_path: Path) -> None:
    folder = train(ldm(), *digits.folders, seed=0, workspace=tmp_path, compute=COMPUTE)
    state = torch.load(tmp_path / "state.ckpt", weights_only=True)["state_dict"]  # of step 8, names are what counts
    averaged = {k.removeprefix("ema.averaged.") for k in state if k.startswith("ema.averaged.")}
    assert averaged == set(LatentDiffusionModel.load(folder).denoiser.state_dict())
    assert not any("conditioner" in name for name in averaged)
    assert "conditioner.embedding.weight" in state


def test_the_first_stage_lent_to_inpainting_is_neither_trained_nor_saved(scenes: Inputs, tmp_path: Path) -> None:
    before = files(scenes.first_stage)
    folder = train(
        ldm("mini_inpainting", steps=5), *scenes.folders, seed=0, workspace=tmp_path, compute=COMPUTE
    )  # fmt: skip
    assert files(scenes.first_stage) == before
    assert [p.name for p in (folder / "conditioner").iterdir()] == ["config.json"]


def test_the_first_stage_is_not_loaded_for_a_conditioner_that_encodes_nothing(digits: Inputs, tmp_path: Path) -> None:
    folders = digits.latents, digits.dataset, tmp_path / "nowhere"
    train(ldm(steps=2), *folders, seed=0, workspace=tmp_path, compute=COMPUTE)
    with pytest.raises(InputError, match="not a finished first stage"):
        train(ldm("mini_inpainting", steps=2), *folders, seed=0, workspace=tmp_path, compute=COMPUTE)


def test_another_seed_gives_another_model(digits: Inputs, tmp_path: Path) -> None:
    first = train(ldm(), *digits.folders, seed=0, workspace=tmp_path / "a", compute=COMPUTE)
    assert files(first) != files(train(ldm(), *digits.folders, seed=1, workspace=tmp_path / "b", compute=COMPUTE))


@pytest.mark.parametrize("conditioning", ["class", "mini_inpainting"])
def test_killed_and_started_again_gives_the_weights_of_a_run_never_stopped(
    digits: Inputs, tmp_path: Path, conditioning: str
) -> None:
    """A real process, a real SIGKILL, and the very same call again."""
    script = tmp_path / "train.py"
    script.write_text(
        textwrap.dedent(f"""
        import sys
        from pathlib import Path
        from ldm_pipelines.compute import Compute
        from ldm_pipelines.diffusion.spec import LDM
        from ldm_pipelines.diffusion.train import train
        compute = Compute(device="cpu", num_threads=1, progress=False, checkpoint_every=5)
        spec = LDM.model_validate({ldm(conditioning, steps=30, snapshots=[3, 17]).model_dump(mode="json")!r})
        folders = [Path(p) for p in {[str(p) for p in digits.folders]!r}]
        train(spec, *folders, seed=3, workspace=Path(sys.argv[1]), compute=compute)
        """)
    )
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    subprocess.run([sys.executable, script, whole], check=True)
    process = subprocess.Popen([sys.executable, script, killed])
    deadline = time.monotonic() + 120
    while not (killed / "state.ckpt").exists() and time.monotonic() < deadline:
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert (killed / "state.ckpt").exists()
    assert not (killed / "artefact" / "config.json").exists()  # it was killed in the middle
    subprocess.run([sys.executable, script, killed], check=True)
    assert files(killed / "artefact") == files(whole / "artefact")


def test_a_snapshot_is_the_model_as_it_was_after_that_step(digits: Inputs, tmp_path: Path) -> None:
    long = train(ldm(snapshots=[4, 8]), *digits.folders, seed=0, workspace=tmp_path / "long", compute=COMPUTE)
    short = train(ldm(steps=8), *digits.folders, seed=0, workspace=tmp_path / "short", compute=COMPUTE)
    snapshot = files(long / SNAPSHOTS / "8")
    assert snapshot.items() <= files(short).items()
    LatentDiffusionModel.load(long / SNAPSHOTS / "4")
    assert sorted(p.name for p in (long / SNAPSHOTS).iterdir()) == ["4", "8"]
    without = train(ldm(), *digits.folders, seed=0, workspace=tmp_path / "without", compute=COMPUTE)
    assert files(without) == {k: v for k, v in files(long).items() if not k.startswith(SNAPSHOTS)}


@pytest.mark.parametrize("snapshots", [[12], [6, 3], [3, 3], [0]])
def test_snapshots_lie_in_order_before_the_last_step(snapshots: list[int]) -> None:
    with pytest.raises(ValueError, match="snapshots"):
        ldm(snapshots=snapshots)


def test_conditions_are_dropped_as_often_as_configured(digits: Inputs) -> None:
    module = build_module(ldm(), LatentCache(digits.latents), PreparedDataset(digits.dataset), seed=0)
    raw = {"label": torch.zeros(20_000, dtype=torch.long)}
    dropped = drop_some(module.conditioner, raw, 0.1, Draws(torch.Generator().manual_seed(0)))["label"] == 10
    assert dropped.float().mean().item() == pytest.approx(0.1, abs=0.01)


def test_a_dataset_without_labels_cannot_be_class_conditional(scenes: Inputs) -> None:
    with pytest.raises(InputError, match=r"ldms\.tiny on dataset 'scenes': class conditioning needs labels"):
        build_module(ldm(), LatentCache(scenes.latents), PreparedDataset(scenes.dataset), seed=0)


@pytest.mark.parametrize("conditioning", ["mini_text", "mini_layout", "semantic_map"])
def test_a_dataset_without_the_condition_is_refused_before_training(
    digits: Inputs, tmp_path: Path, conditioning: str
) -> None:
    with pytest.raises(InputError, match="'digits'"):
        train(ldm(conditioning), *digits.folders, seed=0, workspace=tmp_path, compute=COMPUTE)


def test_an_image_without_a_class_is_named_before_training(tmp_path: Path) -> None:
    inputs = Inputs(tmp_path, "digits")
    manifest = read_manifest(inputs.dataset)
    manifest.loc[np.flatnonzero(manifest["split"] == "train")[3], "label"] = -1
    write_manifest([manifest], inputs.dataset)
    with pytest.raises(InputError, match="are of another version of dataset 'digits'; encode them again"):
        train(ldm(), *inputs.folders, seed=0, workspace=tmp_path / "m", compute=COMPUTE)
    inputs.encode(tmp_path / "again")
    with pytest.raises(InputError, match="needs a class for every image; 1 have none"):
        train(ldm(), *inputs.folders, seed=0, workspace=tmp_path / "m", compute=COMPUTE)


def test_the_validation_loss_does_not_depend_on_the_inference_batch_size(digits: Inputs, tmp_path: Path) -> None:
    metrics = []
    for batch in (3, 16):
        compute = COMPUTE.model_copy(update={"inference_batch_size": batch})
        folder = train(ldm(), *digits.folders, seed=0, workspace=tmp_path / str(batch), compute=compute)
        metrics.append((folder / "metrics.json").read_text())
    assert metrics[0] == metrics[1]


def test_the_learning_rate_warms_up_and_follows_a_cosine_where_asked(digits: Inputs) -> None:
    cache, dataset = LatentCache(digits.latents), PreparedDataset(digits.dataset)
    constant = build_module(ldm(steps=13), cache, dataset, seed=0)
    assert [constant.learning_rate(step) for step in (0, 2, 3, 12)] == pytest.approx([1e-3 / 3, 1e-3, 1e-3, 1e-3])
    decayed = build_module(ldm(steps=13, final_learning_rate=1e-4), cache, dataset, seed=0)
    assert [decayed.learning_rate(step) for step in (0, 3, 8, 13)] == pytest.approx([1e-3 / 3, 1e-3, 5.5e-4, 1e-4])
