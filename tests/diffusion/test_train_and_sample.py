"""A tiny latent diffusion model: trained, killed, resumed, sampled."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from diffusers import UNet2DConditionModel
from PIL import Image

from ldm_pipelines.autoencoders.first_stage import FirstStage
from ldm_pipelines.autoencoders.spec import Autoencoder
from ldm_pipelines.compute import Compute
from ldm_pipelines.diffusion.guidance import classifier_free
from ldm_pipelines.diffusion.model import LatentDiffusionModel
from ldm_pipelines.diffusion.sample import sample
from ldm_pipelines.diffusion.spec import LDM, Samples
from ldm_pipelines.diffusion.train import build_module, train
from ldm_pipelines.digests import digest_folder
from ldm_pipelines.errors import InputError
from ldm_pipelines.latents.cache import LatentCache, read_index, write_index

LDM_PARAMETERS: dict[str, Any] = {
    "name": "tiny",
    "latent": "digits_kl_f4",
    "denoiser": {
        "block_out_channels": [16, 32], "layers_per_block": 1, "attention": [False, True], "head_channels": 8,
        "transformer_depth": 1, "norm_num_groups": 8,
    },
    "conditioning": {"kind": "class", "dim": 16, "null_probability": 0.1},
    "schedule": {"timesteps": 1000, "beta_start": 0.0015, "beta_end": 0.0195},
    "training": {
        "steps": 12, "batch_size": 8, "learning_rate": 1e-3, "weight_decay": 0.01, "warmup_steps": 3, "loss": "l2",
        "ema_decay": 0.99, "gradient_clip": None, "horizontal_flip": True,
    },
}  # fmt: skip
COMPUTE = Compute(device="cpu", num_threads=1, progress=False, checkpoint_every=4, inference_batch_size=4)


def ldm(**training: Any) -> LDM:
    return LDM.model_validate({**LDM_PARAMETERS, "training": {**LDM_PARAMETERS["training"], **training}})


def weights(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def first_stage_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("first_stage") / "kl"
    spec = Autoencoder.model_validate(
        {
            "name": "kl", "dataset": "digits", "feature_network": "c", "regulariser": "kl",
            "architecture": {"block_out_channels": [8, 8, 8], "layers_per_block": 1, "latent_channels": 3,
                             "mid_attention": False, "norm_num_groups": 4, "codebook_size": None},
            "objective": {"reduction": "sum", "perceptual_weight": 1, "kl_weight": 1e-6, "codebook_weight": 0,
                          "disc_start": 0, "disc_weight": 0.5, "disc_factor": 1, "disc_num_layers": 1,
                          "disc_channels": 4},
            "training": {"steps": 1, "batch_size": 1, "learning_rate": 1e-3, "final_learning_rate": 0,
                         "betas": [0.5, 0.9], "validate_every": 1, "horizontal_flip": False},
        }
    )  # fmt: skip
    torch.manual_seed(0)
    FirstStage.from_spec(spec, 32).save(folder)
    return folder


@pytest.fixture
def model_folder(cache_folder: Path, first_stage_folder: Path, tmp_path: Path) -> Path:
    info = json.loads((cache_folder / "cache.json").read_text())
    info["autoencoder"]["digest"] = digest_folder(first_stage_folder)
    (cache_folder / "cache.json").write_text(json.dumps(info))
    return train(ldm(), cache_folder, seed=3, workspace=tmp_path / "model", compute=COMPUTE)


def draw(model: Path, first_stage: Path, workspace: Path, *, batch: int = 4, guidance: float = 2.0, eta: float = 1.0,
         count: int = 11, steps: int = 5) -> Path:  # fmt: skip
    spec = Samples.model_validate(
        {
            "name": "set", "ldm": "tiny", "autoencoder": "kl", "count": count, "guidance_scale": guidance,
            "sampler": {"kind": "ddim", "steps": steps, "eta": eta},
        }
    )  # fmt: skip
    compute = COMPUTE.model_copy(update={"inference_batch_size": batch})
    return sample(spec, model, first_stage, seed=5, workspace=workspace, compute=compute)


def pixels(folder: Path) -> np.ndarray:
    return np.stack(
        [np.asarray(Image.open(folder / path)) for path in pd.read_parquet(folder / "samples.parquet")["path"]]
    )


def test_training_lowers_the_loss_and_writes_a_folder_that_diffusers_reads(cache_folder: Path, workspace: Path) -> None:
    folder = train(ldm(steps=150, learning_rate=3e-3), cache_folder, seed=0, workspace=workspace, compute=COMPUTE)
    curves = pd.read_csv(folder / "curves.csv")
    losses = curves["train_loss"].dropna()
    assert losses.iloc[-20:].mean() < 0.8 * losses.iloc[:5].mean()
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["images_seen"] == 150 * 8
    assert metrics["val_loss"] > 0
    assert isinstance(UNet2DConditionModel.from_pretrained(folder / "denoiser"), UNet2DConditionModel)
    assert LatentDiffusionModel.load(folder).info.scale_factor == 1.5


def test_the_saved_denoiser_is_the_average_and_the_conditioner_is_not_averaged(
    cache_folder: Path, workspace: Path
) -> None:
    folder = train(ldm(), cache_folder, seed=0, workspace=workspace, compute=COMPUTE)
    state = torch.load(workspace / "state.ckpt", weights_only=True)["state_dict"]  # of step 8, shapes are what counts
    saved = LatentDiffusionModel.load(folder)
    averaged = {k.removeprefix("ema.averaged.") for k in state if k.startswith("ema.averaged.")}
    assert averaged == set(saved.denoiser.state_dict())
    assert not any("conditioner" in name for name in averaged)
    assert "conditioner.embedding.weight" in state


def test_the_same_command_gives_the_same_bytes(cache_folder: Path, tmp_path: Path) -> None:
    first = train(ldm(), cache_folder, seed=0, workspace=tmp_path / "a", compute=COMPUTE)
    second = train(ldm(), cache_folder, seed=0, workspace=tmp_path / "b", compute=COMPUTE)
    other = train(ldm(), cache_folder, seed=1, workspace=tmp_path / "c", compute=COMPUTE)
    assert weights(first) == weights(second)
    assert weights(first) != weights(other)


def test_killed_and_started_again_gives_the_weights_of_a_run_never_stopped(cache_folder: Path, tmp_path: Path) -> None:
    """A real process, a real SIGKILL, and the very same call again."""
    script = tmp_path / "train.py"
    script.write_text(
        textwrap.dedent(f"""
        import sys
        from pathlib import Path
        import torch
        from ldm_pipelines.compute import Compute
        from ldm_pipelines.diffusion.spec import LDM
        from ldm_pipelines.diffusion.train import train
        compute = Compute(device="cpu", num_threads=1, progress=False, checkpoint_every=5)
        spec = LDM.model_validate({ldm(steps=40).model_dump(mode="json")!r})
        train(spec, Path({str(cache_folder)!r}), seed=3, workspace=Path(sys.argv[1]), compute=compute)
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
    assert not (killed / "artefact").exists()  # it was killed in the middle
    subprocess.run([sys.executable, script, killed], check=True)
    assert weights(killed / "artefact") == weights(whole / "artefact")


def test_images_do_not_depend_on_the_batch_size(model_folder: Path, first_stage_folder: Path, tmp_path: Path) -> None:
    one = pixels(draw(model_folder, first_stage_folder, tmp_path / "1", batch=1)).astype(int)
    five = pixels(draw(model_folder, first_stage_folder, tmp_path / "5", batch=5)).astype(int)
    # the same draws; convolutions of other batch shapes may round another way
    assert np.abs(one - five).max() <= 1
    assert (one != five).mean() < 0.01


def test_labels_are_balanced_and_written_beside_the_images(
    model_folder: Path, first_stage_folder: Path, tmp_path: Path
) -> None:
    folder = draw(model_folder, first_stage_folder, tmp_path / "s")
    table = pd.read_parquet(folder / "samples.parquet")
    assert table["label"].tolist() == [*range(10), 0]
    assert pixels(folder).shape == (11, 32, 32, 3)
    info = json.loads((folder / "samples.json").read_text())
    assert (info["count"], info["image_size"], info["guidance_scale"]) == (11, 32, 2.0)
    assert (folder / "grid.png").exists()


def test_an_interrupted_set_keeps_its_images_and_ends_the_same(
    model_folder: Path, first_stage_folder: Path, tmp_path: Path
) -> None:
    whole = draw(model_folder, first_stage_folder, tmp_path / "whole")
    again = draw(model_folder, first_stage_folder, tmp_path / "again")
    before = weights(again)
    kept = (again / "images" / "000000.png").stat().st_mtime_ns
    for number in (4, 5, 6, 7):
        (again / "images" / f"{number:06d}.png").unlink()
    (again / "samples.json").unlink()
    draw(model_folder, first_stage_folder, tmp_path / "again")
    assert (again / "images" / "000000.png").stat().st_mtime_ns == kept
    assert weights(again) == before == weights(whole)


def test_another_first_stage_than_the_models_own_is_refused(
    model_folder: Path, first_stage_folder: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    first_stage = FirstStage.load(first_stage_folder)
    torch.nn.init.zeros_(first_stage.last_weight)
    first_stage.save(other)
    with pytest.raises(InputError, match="is not the first stage that 'tiny' was trained with"):
        draw(model_folder, other, tmp_path / "s")


def test_steps_that_do_not_divide_the_schedule_are_refused(
    model_folder: Path, first_stage_folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="nearest valid: 5 and 8"):
        draw(model_folder, first_stage_folder, tmp_path / "s", steps=7)


def test_guidance_is_linear_in_the_scale_and_equals_two_separate_evaluations(cache_folder: Path) -> None:
    module = build_module(ldm(), LatentCache(cache_folder), seed=0).eval()
    labels = torch.tensor([1, 2, 3])
    condition, null = module.conditioner(labels), module.conditioner.null(3)
    x, t = torch.randn(3, 3, 8, 8, generator=torch.Generator().manual_seed(0)), torch.tensor(500)
    with torch.no_grad():
        by_scale = {s: classifier_free(module.denoiser, condition, null, s)(x, t) for s in (0.0, 1.0, 3.0)}
        alone = module.denoiser(x, t, encoder_hidden_states=null["crossattn"]).sample
    torch.testing.assert_close(by_scale[0.0], alone, atol=1e-5, rtol=0)
    expected = by_scale[0.0] + 3 * (by_scale[1.0] - by_scale[0.0])
    torch.testing.assert_close(by_scale[3.0], expected, atol=1e-4, rtol=0)


def test_the_null_class_replaces_labels_as_often_as_configured(cache_folder: Path) -> None:
    conditioner = build_module(ldm(), LatentCache(cache_folder), seed=0).conditioner
    labels = torch.zeros(20_000, dtype=torch.long)
    dropped = conditioner.drop(labels, 0.1, torch.Generator().manual_seed(0)) == 10
    assert dropped.float().mean().item() == pytest.approx(0.1, abs=0.01)


def test_a_dataset_without_labels_cannot_be_class_conditional(cache_folder: Path) -> None:
    info = json.loads((cache_folder / "cache.json").read_text())
    (cache_folder / "cache.json").write_text(json.dumps({**info, "classes": []}))
    with pytest.raises(InputError, match="class conditioning needs labels"):
        build_module(ldm(), LatentCache(cache_folder), seed=0)


def test_an_image_without_a_class_is_named_before_training(cache_folder: Path) -> None:
    index = read_index(cache_folder / "index.parquet")
    index.loc[3, "label"] = -1
    write_index(index, cache_folder / "index.parquet")
    with pytest.raises(InputError, match="needs a class for every image; 1 of dataset 'digits' have none"):
        build_module(ldm(), LatentCache(cache_folder), seed=0)


def test_the_validation_loss_does_not_depend_on_the_inference_batch_size(cache_folder: Path, tmp_path: Path) -> None:
    metrics = []
    for batch in (3, 16):
        compute = COMPUTE.model_copy(update={"inference_batch_size": batch})
        folder = train(ldm(), cache_folder, seed=0, workspace=tmp_path / str(batch), compute=compute)
        metrics.append((folder / "metrics.json").read_text())
    assert metrics[0] == metrics[1]
