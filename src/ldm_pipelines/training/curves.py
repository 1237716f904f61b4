"""Training curves: what a module logged, thinned to a size that can be committed."""

import csv
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from torch import Tensor

from ldm_pipelines.training.module import TrainingModule

Row = dict[str, float]
POINTS = 100


class Curves(pl.Callback):
    """About 100 points of the module's logged numbers; part of the checkpoint, so a resumed run has all.

    They lie ``every`` steps apart; the last one is at the last step. A number logged between two points is the mean
    over the steps since the last point for ``train_*`` names and the newest value for others.
    """

    def __init__(self, module: TrainingModule, steps: int) -> None:
        self.module, self.steps, self.every = module, steps, max(1, steps // POINTS)
        module.observers.append(self._after_step)
        self.rows: list[Row] = []
        self._sums: dict[str, tuple[Tensor | float, int]] = {}

    def _after_step(self) -> None:
        step = self.module.steps_done
        for name, value in self.module.trainer.callback_metrics.items():
            if name.startswith("train_"):
                total, count = self._sums.get(name, (0.0, 0))
                # added where it lies: a number of a GPU that is asked for at every step would be waited for
                self._sums[name] = total + value.detach().double(), count + 1
        if step % self.every == 0 or step == self.steps:
            self._row(step).update({name: float(total) / count for name, (total, count) in self._sums.items()})
            self._sums = {}

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        values = {n: float(v) for n, v in trainer.callback_metrics.items() if n.startswith("val_")}
        self._row(self.module.steps_done).update(values)

    def _row(self, step: int) -> Row:
        if not self.rows or self.rows[-1]["step"] != step:
            self.rows.append({"step": step})
        return self.rows[-1]

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self.rows, "sums": {name: (float(total), count) for name, (total, count) in self._sums.items()}}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.rows, self._sums = state_dict["rows"], state_dict["sums"]

    def last(self, *names: str) -> Row:
        """The newest value of each of ``names`` that was logged at all."""
        return {name: row[name] for name in names for row in self.rows if name in row}

    def write(self, path: Path) -> None:
        """As CSV: ``step`` first, then the names in alphabetical order; empty where nothing was logged."""
        names = sorted({name for row in self.rows for name in row} - {"step"})
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, ["step", *names], lineterminator="\n")
            writer.writeheader()
            for row in self.rows:
                writer.writerow({k: (v if k == "step" else f"{v:.6g}") for k, v in row.items()})
