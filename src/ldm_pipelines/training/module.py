"""What every trained model shares: a step counter that resumes, seeded randomness per step, a guard against NaN."""

from collections.abc import Callable
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from ldm_pipelines.data.share import WHOLE
from ldm_pipelines.seeding import derive_seed
from ldm_pipelines.training.draws import Draws


class TrainingDivergedError(RuntimeError):
    """The loss is NaN or infinite. Names the step; ``fit`` adds the last good checkpoint."""


class TrainingModule(pl.LightningModule):
    """Base of the Lightning modules of this project.

    ``steps_done`` counts calls of ``training_step``, however many optimisers each of them steps (Lightning's own
    ``global_step`` counts optimiser steps, which is twice as many for a GAN).
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.seed = seed
        self.share = WHOLE
        """The rows of each batch that this process trains on; ``fit`` knows."""
        self.steps_done = 0
        self.observers: list[Callable[[], None]] = []
        """Called after every finished step. (Lightning calls its callbacks before the module's own hook.)"""

    def generator(self, *names: str) -> torch.Generator:
        """A generator on the module's device for this step and ``names``; a resumed step draws the same numbers."""
        generator = torch.Generator(device=self.device)
        return generator.manual_seed(derive_seed(self.seed, self.steps_done, *names))

    def draws(self, *names: str) -> Draws:
        """What is random in this step for ``names``, a row for each item of the share."""
        return Draws(self.generator(*names), self.share)

    def learning_rate(self, step: int) -> float | None:
        """The rate of training step ``step``, for all optimisers; None leaves them alone."""
        return None

    def record(self, batch_size: int, **values: Tensor | float) -> None:
        """Log ``values`` (means over ``batch_size`` items) for the curves, the progress bar and the logger.

        Names start with ``train_`` or ``val_``. The step is logged beside them because Lightning's own count is of
        optimiser steps and shifts by one on some resumes. Of a shared batch, the mean over all shares is logged;
        validation is not shared.
        """
        shared = self.training and self.share.count > 1
        self.log("step", float(self.steps_done + self.training), batch_size=1)
        for name, value in values.items():
            self.log(name, value, batch_size=batch_size, prog_bar=name.endswith("loss"), sync_dist=shared)

    def after_step(self) -> None:
        """What belongs to a step once the weights have moved, such as an average of them."""

    def check_finite(self, loss: Tensor) -> Tensor:
        """``loss`` itself, or an error that names the step."""
        if not torch.isfinite(loss).all():
            raise TrainingDivergedError(f"the loss is {loss.detach().mean().item()} at step {self.steps_done}")
        return loss

    def check_weights(self) -> None:
        """Refuse weights that are NaN or infinite: the last update broke them, though its loss was still finite."""
        for name, parameter in self.named_parameters():
            if not torch.isfinite(parameter).all():
                raise TrainingDivergedError(f"{name} is not finite after step {self.steps_done}")

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        rate = self.learning_rate(self.steps_done)
        if rate is None:
            return
        optimizers = self.optimizers(use_pl_optimizer=False)
        for optimizer in optimizers if isinstance(optimizers, list) else [optimizers]:
            for group in optimizer.param_groups:
                group["lr"] = rate

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.after_step()
        self.steps_done += 1
        for observe in self.observers:
            observe()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["steps_done"] = self.steps_done

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.steps_done = checkpoint["steps_done"]
        # The state was saved where a batch begins. Lightning has counted that batch as "ready" already; undo that, or
        # validation comes one step early from here on.
        total = checkpoint["loops"]["fit_loop"]["epoch_loop.batch_progress"]["total"]
        total["ready"] = total["completed"]
