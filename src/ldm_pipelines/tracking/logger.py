"""Lightning's logger, writing to the run that the hook has opened."""

from argparse import Namespace
from collections.abc import Mapping
from typing import Any

from pytorch_lightning.loggers import MLFlowLogger
from pytorch_lightning.utilities import rank_zero_only

from ldm_pipelines.tracking.run import Run, active_run


class RunLogger(MLFlowLogger):
    """Logs to a run that somebody else ends; Lightning's own logger would end it with the training loop.

    Metrics are written in batches every few seconds. Parameters are the hook's affair.
    """

    def __init__(self, run: Run) -> None:
        super().__init__(run_id=run.id, tracking_uri=run.client.tracking_uri)
        self._run = run

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        self._run.log_live({name: value for name, value in metrics.items() if name != "epoch"}, step or 0)

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Nothing: the hook has logged the entity."""

    @rank_zero_only
    def finalize(self, status: str = "success") -> None:
        """Write what waits. The run goes on."""
        self._run.flush()


def active_logger() -> RunLogger | None:
    """A logger for the tracked node that runs now; None outside one, as in a notebook."""
    run = active_run()
    return RunLogger(run) if run else None
