"""Processes that train together: how they begin, fail and end. Real ones, started by torchrun."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from uuid import uuid4

import pytest
from support.interruption import heed_ctrl_c
from support.launched import MARK, diverge, gone, refuse, vanish, work_for_ever

from ldm_pipelines.compute import Compute
from ldm_pipelines.errors import InputError
from ldm_pipelines.launch.processes import LOST
from ldm_pipelines.launch.train import launch
from ldm_pipelines.training.module import TrainingDivergedError

TWO = Compute(device="cpu", num_threads=1, progress=False, checkpoint_every=4, devices=2)
BATCH = ("ldms.x.training.batch_size", 4)
WITHIN_S = 20.0


@pytest.fixture
def mark(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv(MARK, uuid4().hex)
    return os.environ[MARK]


def test_what_is_wrong_in_one_process_is_said_as_by_one_alone(mark: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match=r"^datasets\.x: not there$"):
        launch(refuse, batch=BATCH, compute=TWO)
    assert gone(mark, WITHIN_S)
    assert capfd.readouterr().err == ""


def test_a_process_that_is_killed_ends_the_others_and_is_an_error(mark: str) -> None:
    with pytest.raises(RuntimeError, match=LOST):
        launch(vanish, batch=BATCH, compute=TWO)
    assert gone(mark, WITHIN_S)


def test_processes_that_never_begin_are_no_lost_ones(
    mark: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """torch is imported by torchrun and by what it starts: here it can't be."""
    (tmp_path / "torch.py").write_text("raise SystemExit(3)")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(RuntimeError, match="no training process has begun: torchrun ended with exit code 3; see the"):
        launch(vanish, batch=BATCH, compute=TWO)
    assert gone(mark, WITHIN_S)


def test_a_loss_that_is_nan_in_one_process_ends_the_training_with_the_last_good_state(
    tmp_path: Path, mark: str
) -> None:
    with pytest.raises(
        TrainingDivergedError, match=r"the loss is nan at step 5; the last good checkpoint, step 4, is .*state\.ckpt"
    ):
        launch(diverge, tmp_path, batch=BATCH, compute=TWO)
    assert gone(mark, WITHIN_S)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_no_process_is_left_when_the_command_is_stopped(tmp_path: Path, mark: str, number: signal.Signals) -> None:
    script = f"""
from pathlib import Path
from support.launched import work_for_ever
from ldm_pipelines.compute import Compute
from ldm_pipelines.launch.train import launch
launch(work_for_ever, Path({str(tmp_path)!r}), batch={BATCH!r}, compute=Compute(device="cpu", devices=2))
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    process = subprocess.Popen(
        [sys.executable, "-c", script], env=environment, stderr=subprocess.PIPE, text=True, preexec_fn=heed_ctrl_c
    )
    deadline = time.monotonic() + 120
    while len(list(tmp_path.iterdir())) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(number)
    process.wait(timeout=60)
    assert process.returncode != 0
    assert gone(mark, WITHIN_S)
    process.communicate()


@pytest.mark.parametrize(
    ("batch_size", "devices", "near"), [(6, 4, "4 or 8"), (3, 2, "2 or 4"), (2, 3, "3"), (1200, 7, "1197 or 1204")]
)
def test_a_batch_that_cannot_be_shared_equally_is_refused_at_once(batch_size: int, devices: int, near: str) -> None:
    compute = Compute(device="cpu", devices=devices)
    with pytest.raises(
        InputError,
        match=rf"^ldms\.x\.training\.batch_size is {batch_size}, which compute\.devices \({devices}\).*Take {near}, or",
    ):
        launch(work_for_ever, batch=(BATCH[0], batch_size), compute=compute)


def test_more_devices_than_gpus_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    with pytest.raises(InputError, match=r"compute\.devices is 2, but PyTorch finds 1 GPU here"):
        launch(work_for_ever, batch=BATCH, compute=Compute(device="cuda", devices=2))


@pytest.mark.parametrize(("devices", "batch"), [(1, BATCH), (3, None)])
def test_one_device_or_nothing_to_train_is_a_plain_call(devices: int, batch: tuple[str, int] | None) -> None:
    """Neither PyTorch nor another process: told by what is imported."""
    script = f"""
import sys
from pathlib import Path
from ldm_pipelines.compute import Compute
from ldm_pipelines.launch.train import launch
made = launch(lambda folder, *, compute, logger: folder / logger, Path("a"), logger="b", batch={batch!r},
              compute=Compute(devices={devices}))
assert made == Path("a/b")
assert not [name for name in sys.modules if name.startswith(("torch", "ldm_pipelines.launch.processes"))]
"""
    subprocess.run([sys.executable, "-c", script], check=True)
