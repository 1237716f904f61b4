"""Reading checkpoints: files that are safe, damaged or hostile, and what is inside."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from ldm_pipelines.errors import InputError
from ldm_pipelines.interop.checkpoint import read_checkpoint, split_checkpoint


class Hostile:
    """Unpickled, it would create a file."""

    def __init__(self, victim: Path) -> None:
        self.victim = victim

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.victim}",)


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "before PyTorch 1.6"])
def test_a_checkpoint_that_would_run_code_is_refused_and_does_not(tmp_path: Path, zipped: bool) -> None:
    path, victim = tmp_path / "hostile.ckpt", tmp_path / "executed"
    content = {"state_dict": {"encoder.w": torch.ones(1)}, "callbacks": Hostile(victim)}
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(InputError, match=r"posix\.system" if zipped else "not a readable checkpoint"):
        read_checkpoint(path)
    assert not victim.exists()


def test_states_of_lightning_callbacks_do_not_hinder(tmp_path: Path) -> None:
    """Lightning before 1.5, with which the released models were trained, used classes as keys."""
    from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint

    callbacks = {ModelCheckpoint: {"best_model_score": np.float64(0.5)}, EarlyStopping: {"wait_count": 3}}
    torch.save({"state_dict": {"encoder.w": torch.ones(2)}, "callbacks": callbacks}, tmp_path / "old.ckpt")
    assert read_checkpoint(tmp_path / "old.ckpt")["encoder.w"].tolist() == [1, 1]


def test_safetensors_and_a_bare_state_dict_are_read(tmp_path: Path) -> None:
    state = {"encoder.w": torch.arange(3.0)}
    save_file(state, tmp_path / "a.safetensors")
    torch.save(state, tmp_path / "b.pt")
    for name in ("a.safetensors", "b.pt"):
        assert read_checkpoint(tmp_path / name)["encoder.w"].tolist() == [0, 1, 2]


def test_damaged_missing_and_empty_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such checkpoint file"):
        read_checkpoint(tmp_path / "absent.ckpt")
    for name in ("damaged.ckpt", "damaged.safetensors"):
        (tmp_path / name).write_bytes(b"half a download")
        with pytest.raises(InputError, match="not a readable checkpoint"):
            read_checkpoint(tmp_path / name)
    torch.save({"state_dict": {"step": 3}}, tmp_path / "empty.ckpt")
    with pytest.raises(InputError, match="holds no tensors"):
        read_checkpoint(tmp_path / "empty.ckpt")
    torch.save([1, 2], tmp_path / "list.ckpt")
    with pytest.raises(InputError, match="holds no tensors"):
        read_checkpoint(tmp_path / "list.ckpt")


def model_state() -> dict[str, torch.Tensor]:
    return {
        "model.diffusion_model.out.0.weight": torch.zeros(2),
        "model_ema.diffusion_modelout0weight": torch.ones(2),
        "model_ema.decay": torch.tensor(0.9999),
        "first_stage_model.encoder.conv_in.bias": torch.zeros(1),
        "betas": torch.ones(4),
        "scale_factor": torch.tensor(0.5),
    }


def test_averaged_weights_are_taken_by_default_and_raw_ones_on_request() -> None:
    averaged = split_checkpoint(model_state(), ema=True, origin="x")
    raw = split_checkpoint(model_state(), ema=False, origin="x")
    assert averaged.averaged
    assert not raw.averaged
    assert averaged.unet["out.0.weight"].tolist() == [1, 1]
    assert raw.unet["out.0.weight"].tolist() == [0, 0]
    assert averaged.unused == {"betas": 1, "model_ema.decay": 1, "model.diffusion_model.": 1}
    assert raw.unused == {"betas": 1, "model_ema.decay": 1, "model_ema.": 1}
    assert (raw.scale_factor, list(raw.first_stage)) == (0.5, ["encoder.conv_in.bias"])


def test_raw_weights_are_taken_where_there_are_no_averaged_ones() -> None:
    state = {name: value for name, value in model_state().items() if not name.startswith("model_ema.")}
    parts = split_checkpoint(state, ema=True, origin="x")
    assert not parts.averaged
    assert parts.unet["out.0.weight"].tolist() == [0, 0]


def test_incomplete_averages_and_unknown_entries_are_listed() -> None:
    state = model_state() | {"model.diffusion_model.out.2.bias": torch.zeros(1)}
    with pytest.raises(InputError, match=r"missing averaged weights: model_ema\.diffusion_modelout2bias"):
        split_checkpoint(state, ema=True, origin="x")
    state = model_state() | {f"mystery.{number}": torch.zeros(1) for number in range(20)}
    with pytest.raises(InputError, match=r"no known part: mystery\.0, .*mystery\.11 … \(20 in all\)"):
        split_checkpoint(state, ema=True, origin="x")


def test_a_first_stage_with_its_loss_and_averages() -> None:
    state = {
        "encoder.conv_in.bias": torch.zeros(1),
        "loss.logvar": torch.zeros(1),
        "loss.discriminator.main.0.bias": torch.zeros(1),
        "model_ema.encoderconv_inbias": torch.ones(1),
        "model_ema.lossdiscriminatormain0bias": torch.ones(1),
        "model_ema.num_updates": torch.tensor(3),
    }
    parts = split_checkpoint(state, ema=True, origin="x")
    assert parts.first_stage["encoder.conv_in.bias"].tolist() == [1]
    assert set(parts.first_stage) == {"encoder.conv_in.bias"}
    assert parts.unused == {"loss.": 2, "model_ema.loss": 1, "model_ema.num_updates": 1, "raw weights": 1}


def test_something_else_is_refused_by_its_names() -> None:
    with pytest.raises(InputError, match=r"no latent diffusion checkpoint.*starts with conv1\.weight"):
        split_checkpoint({"conv1.weight": torch.zeros(1)}, ema=True, origin="resnet50.pth")
