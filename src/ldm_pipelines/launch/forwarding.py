"""Lightning's logger in a process that is not the one whose run is tracked."""

from argparse import Namespace
from collections.abc import Callable, Mapping
from typing import Any

from pytorch_lightning.loggers.logger import Logger

from ldm_pipelines.launch.processes import Metrics


class ForwardingLogger(Logger):
    """Says metrics to whoever logs them."""

    def __init__(self, say: Callable[[Metrics], None]) -> None:
        super().__init__()
        self._say = say

    @property
    def name(self) -> str:
        return "forwarding"

    @property
    def version(self) -> str:
        return ""

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        self._say(Metrics({name: float(value) for name, value in metrics.items()}, step or 0))

    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Nothing: whoever started the run has logged the entity."""
