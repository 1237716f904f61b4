"""Training by steps: exact resume, curves, divergence, learning rates."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pytorch_lightning.loggers import CSVLogger

from ldm_pipelines.compute import Compute
from ldm_pipelines.data.share import WHOLE, Share
from ldm_pipelines.training.curves import Curves
from ldm_pipelines.training.ema import EMA
from ldm_pipelines.training.fit import fit
from ldm_pipelines.training.module import TrainingDivergedError, TrainingModule

STEPS = 20


class Vectors:
    data = torch.arange(80.0).view(20, 4) / 80

    def __len__(self) -> int:
        return len(self.data)

    def read(
        self, indices: np.ndarray, rng: np.random.Generator | None, share: Share = WHOLE
    ) -> dict[str, torch.Tensor]:
        return {"x": self.data[torch.from_numpy(share.take(indices))] + (float(rng.random()) if rng else 0.0)}


class Interrupted(Exception):
    pass


class Regression(TrainingModule):
    """A linear layer, with one optimiser or two, noise from the step's generator, and an average of the weights."""

    def __init__(self, optimizers: int = 1, stop_at: int | None = None, poison_at: int | None = None) -> None:
        super().__init__(seed=1)
        torch.manual_seed(0)
        self.layer = torch.nn.Linear(4, 4)
        self.ema = EMA(self.layer, 0.99)
        self.automatic_optimization = optimizers == 1
        self.stop_at, self.poison_at = stop_at, poison_at
        self.rates: list[float] = []

    def learning_rate(self, step: int) -> float:
        return 1e-2 / (1 + step)

    def training_step(self, batch: dict[str, torch.Tensor], batch_idx: int) -> torch.Tensor:
        if self.steps_done == self.stop_at:
            raise Interrupted
        x = batch["x"]
        noise = torch.randn(x.shape, generator=self.generator("noise"))
        loss = (self.layer(x + noise) - x).pow(2).mean()
        if self.steps_done == self.poison_at:
            loss = loss * float("nan")
        self.check_finite(loss)
        self.record(len(x), train_loss=loss)
        optimizers = self.optimizers()
        optimizers = optimizers if isinstance(optimizers, list) else [optimizers]
        self.rates.append(optimizers[0].param_groups[0]["lr"])
        if not self.automatic_optimization:
            for optimizer in optimizers:
                optimizer.zero_grad()
            self.manual_backward(loss)
            for optimizer in optimizers:
                optimizer.step()
        return loss

    def validation_step(self, batch: dict[str, torch.Tensor], batch_idx: int) -> None:
        self.record(len(batch["x"]), val_loss=self.layer(batch["x"]).pow(2).mean())

    def after_step(self) -> None:
        self.ema.update(self.layer)

    def configure_optimizers(self) -> Any:
        if self.automatic_optimization:
            return torch.optim.AdamW(self.layer.parameters())
        return [torch.optim.Adam([self.layer.weight]), torch.optim.Adam([self.layer.bias])]


def train(
    module: Regression, workspace: Path, every: int = 3, logger: Any = None, *, steps: int = STEPS,
    validate_every: int | None = 7,
) -> Curves:  # fmt: skip
    compute = Compute(progress=False, checkpoint_every=every, num_threads=1, device="cpu")
    return fit(
        module, Vectors(), steps=steps, batch_size=8, workspace=workspace, compute=compute,
        validation=Vectors(), validate_every=validate_every, logger=logger,
    )  # fmt: skip


def assert_same_state(a: torch.nn.Module, b: torch.nn.Module) -> None:
    for (name, expected), got in zip(a.state_dict().items(), b.state_dict().values(), strict=True):
        assert torch.equal(expected, got), name


# checkpoints before, at and after a validation step; with one optimiser and with two
@pytest.mark.parametrize(("optimizers", "every"), [(1, 3), (2, 3), (1, 7), (2, 10)])
def test_an_interrupted_run_ends_like_one_that_was_never_stopped(tmp_path: Path, optimizers: int, every: int) -> None:
    whole, resumed = Regression(optimizers), Regression(optimizers)
    expected = train(whole, tmp_path / "whole", every, CSVLogger(tmp_path / "log_whole", name="", version=""))
    with pytest.raises(Interrupted):
        train(Regression(optimizers, stop_at=11), tmp_path / "resumed", every)
    got = train(resumed, tmp_path / "resumed", every, CSVLogger(tmp_path / "log_resumed", name="", version=""))
    assert len(resumed.rates) < STEPS  # it did resume
    assert resumed.steps_done == whole.steps_done == STEPS
    assert_same_state(whole, resumed)
    assert got.rows == expected.rows
    logged = [(tmp_path / f"log_{run}" / "metrics.csv").read_text().splitlines()[-1] for run in ("whole", "resumed")]
    assert logged[0] == logged[1]


def test_learning_rate_follows_the_step_also_after_a_resume(tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        train(Regression(stop_at=11), tmp_path)
    resumed = Regression()
    train(resumed, tmp_path)
    assert resumed.rates == pytest.approx([1e-2 / (1 + step) for step in range(9, STEPS)])


def test_nan_stops_the_run_and_names_the_step_and_the_last_good_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(
        TrainingDivergedError, match=r"nan at step 11; the last good checkpoint, step 9, is .*state\.ckpt"
    ):
        train(Regression(poison_at=11), tmp_path)


def test_broken_weights_never_replace_a_good_checkpoint(tmp_path: Path) -> None:
    """The update of step 8 breaks the weights; its loss was finite and step 9 would be saved."""

    class Broken(Regression):
        def after_step(self) -> None:
            if self.steps_done == 8:
                self.layer.weight.data.fill_(float("nan"))

    with pytest.raises(
        TrainingDivergedError, match=r"layer\.weight is not finite after step 9; the last good checkpoint, step 6"
    ):
        train(Broken(), tmp_path)
    resumed = Regression()
    train(resumed, tmp_path)
    assert len(resumed.rates) == STEPS - 6


def test_nan_before_any_checkpoint_says_so(tmp_path: Path) -> None:
    with pytest.raises(TrainingDivergedError, match="nan at step 1; no checkpoint was written yet"):
        train(Regression(poison_at=1), tmp_path)


def test_curves_hold_means_between_points_and_are_written_as_csv(tmp_path: Path) -> None:
    curves = train(Regression(), tmp_path)
    assert [row["step"] for row in curves.rows] == list(range(1, STEPS + 1))
    assert [row["step"] for row in curves.rows if "val_loss" in row] == [7, 14, 20]
    curves.write(tmp_path / "curves.csv")
    lines = (tmp_path / "curves.csv").read_text().splitlines()
    assert lines[0] == "step,train_loss,val_loss"
    assert lines[1].endswith(",")
    assert curves.last("train_loss", "val_loss", "never") == {k: curves.rows[-1][k] for k in ("train_loss", "val_loss")}


@pytest.mark.parametrize(("steps", "points"), [(200, 100), (249, 125)])  # the second is no multiple of two
def test_the_last_numbers_are_those_of_the_last_step(tmp_path: Path, steps: int, points: int) -> None:
    module = Regression()
    curves = train(module, tmp_path, every=1000, steps=steps, validate_every=None)
    assert curves.rows[-1]["step"] == steps
    assert len([row for row in curves.rows if "train_loss" in row]) == points
    with torch.no_grad():
        expected = module.layer(Vectors.data).pow(2).mean(dim=1)
    batches = [float(part.mean()) * len(part) for part in expected.split(8)]  # Lightning's mean over all batches
    assert curves.last("val_loss")["val_loss"] == pytest.approx(sum(batches) / len(expected), rel=1e-6)
    assert len([row for row in curves.rows if "val_loss" in row]) == 10 + bool(steps % (steps // 10))


def test_ema_follows_the_papers_warm_up() -> None:
    """Against the formula, one scalar weight at a time: decay min(0.9, (1 + n) / (10 + n))."""
    layer = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.zeros_(layer.weight)
    ema, expected = EMA(layer, 0.9), 0.0
    for n in range(1, 200):
        torch.nn.init.constant_(layer.weight, float(n))
        ema.update(layer)
        decay = min(0.9, (1 + n) / (10 + n))
        expected = decay * expected + (1 - decay) * n
    assert ema.averaged.weight.item() == pytest.approx(expected, rel=1e-5)
    assert int(ema.updates) == 199
