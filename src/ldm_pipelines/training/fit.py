"""Train a module by steps with Lightning; the same call again resumes exactly where the last checkpoint stood."""

import logging
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import TQDMProgressBar
from torch.utils.data import DataLoader

from ldm_pipelines.compute import Compute
from ldm_pipelines.data.prepared import Shards
from ldm_pipelines.training.curves import Curves
from ldm_pipelines.training.module import TrainingDivergedError, TrainingModule
from ldm_pipelines.training.ranks import my_share, strategy
from ldm_pipelines.training.stream import BatchSource, InOrder, Steps, step_loader

log = logging.getLogger(__name__)

VALIDATIONS = 10
"""In one training, where nothing else is said."""


class _SaveState(pl.Callback):
    """Keeps the training state in ``path``, replaced atomically: a reader sees the old state or the new one.

    Saved where a step begins, so that everything which belongs to the steps before, validation included, is in it.
    """

    def __init__(self, module: TrainingModule, path: Path, every: int) -> None:
        self.module, self.path, self.every = module, path, every

    def on_train_batch_start(self, trainer: pl.Trainer, *_: Any) -> None:
        done = self.module.steps_done
        if done and done % self.every == 0:
            self.module.check_weights()
            partial = self.path.with_suffix(".partial")
            trainer.save_checkpoint(partial)
            if trainer.is_global_zero:
                partial.replace(self.path)


class _Progress(TQDMProgressBar):
    """One bar over all steps, also after a resume."""

    def __init__(self, module: TrainingModule, steps: int, refresh_rate: int) -> None:
        super().__init__(refresh_rate=refresh_rate)
        self._module, self._steps = module, steps

    def on_train_epoch_start(self, trainer: pl.Trainer, *_: Any) -> None:
        self.train_progress_bar.reset(self._steps)
        self.train_progress_bar.initial = self._module.steps_done
        self.train_progress_bar.set_description(type(self._module).__name__)

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *args: Any) -> None:
        done = self._module.steps_done + 1
        if done % self.refresh_rate == 0 or done == self._steps:
            self.train_progress_bar.n = done
            self.train_progress_bar.set_postfix(self.get_metrics(trainer, pl_module))
            self.train_progress_bar.refresh()

    def get_metrics(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> dict[str, Any]:
        return {name: f"{float(value):.4g}" for name, value in trainer.progress_bar_metrics.items()}


def fit(
    module: TrainingModule,
    source: BatchSource,
    *,
    steps: int,
    batch_size: int,
    workspace: Path,
    compute: Compute,
    logger: Any = None,
    shards: Shards | None = None,
    validation: BatchSource | None = None,
    validate_every: int | None = None,
    gradient_clip: float | None = None,
    after_step: Callable[[], None] | None = None,
) -> Curves:
    """Train ``module`` for ``steps`` batches of ``batch_size`` items of ``source``.

    The training state (weights, averages, optimisers, counters, curves) is kept in ``workspace/state.ckpt``; when
    that file is there, training goes on from it and ends with the same weights, bit for bit on the CPU, as a run that
    was never stopped. ``shards`` says how the items of ``source`` have to be taken, where that matters. ``validation``
    is looked at every ``validate_every`` steps (None: ten times) and after the last one. ``after_step`` is called after
    every finished step, when ``module.steps_done`` counts it.

    In each of several processes that ``torchrun`` started, ``module`` trains on its share of every batch, and ends with
    the weights of one process up to rounding. The state is one, whoever goes on from it; the first process keeps it.

    Raises:
        TrainingDivergedError: the loss became NaN or infinite.
    """
    state = workspace / "state.ckpt"
    workspace.mkdir(parents=True, exist_ok=True)
    module.share = share = my_share()
    curves = _observed(module, steps, after_step)
    done = _steps_done(state)
    if done and share.first:
        log.info("resuming at step %d of %d from %s", done, steps, state)
    pin_memory = compute.torch_device() == "cuda"
    batches = Steps(source, batch_size, module.seed, shards, share)
    loader = step_loader(batches, done, steps, compute.num_workers, pin_memory=pin_memory)
    # batches of the training's size: what is drawn for a batch must not depend on a machine's setting
    val_loader = DataLoader(InOrder(validation, batch_size), batch_size=None) if validation else None
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="pytorch_lightning")
        trainer = _trainer(
            module,
            compute,
            curves,
            state,
            logger=logger or False,
            val_check_interval=(validate_every or max(1, steps // VALIDATIONS)) if validation else None,
            limit_val_batches=None if validation else 0,
            gradient_clip_val=gradient_clip,
        )
        try:
            trainer.fit(module, loader, val_loader, ckpt_path=state if done else None, weights_only=True)
        except TrainingDivergedError as error:
            kept = "no checkpoint was written yet"
            if state.exists():
                kept = f"the last good checkpoint, step {_steps_done(state)}, is {state}"
            raise TrainingDivergedError(f"{error}; {kept}") from None
    return curves


def _observed(module: TrainingModule, steps: int, after_step: Callable[[], None] | None) -> Curves:
    """The module's curves; they, ``after_step`` and the last validation are what a finished step sets off."""

    def stop_at_the_end() -> None:  # where it is told to stop, Lightning validates
        module.trainer.should_stop = module.steps_done == steps

    module.observers.clear()
    curves = Curves(module, steps)
    module.observers += [after_step, stop_at_the_end] if after_step else [stop_at_the_end]
    return curves


def _trainer(module: TrainingModule, compute: Compute, curves: Curves, state: Path, **options: Any) -> pl.Trainer:
    """Lightning's trainer: one epoch, which is as long as its loader, and nothing but our own callbacks."""
    share, steps = module.share, curves.steps
    progress = compute.progress and share.first
    callbacks: list[pl.Callback] = [curves, _SaveState(module, state, compute.checkpoint_every)]
    if progress:
        callbacks.append(_Progress(module, steps, refresh_rate=max(1, steps // 200)))
    return pl.Trainer(
        accelerator="gpu" if compute.torch_device() == "cuda" else "cpu",
        devices=share.count,
        strategy=strategy(several_losses=not module.automatic_optimization),
        precision=compute.precision,
        max_steps=-1,
        max_epochs=1,
        callbacks=callbacks,
        enable_checkpointing=False,
        enable_progress_bar=progress,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        check_val_every_n_epoch=None,
        log_every_n_steps=curves.every,
        use_distributed_sampler=False,
        **options,
    )


def _steps_done(state: Path) -> int:
    if not state.exists():
        return 0
    return int(torch.load(state, map_location="cpu", weights_only=True, mmap=True)["steps_done"])
