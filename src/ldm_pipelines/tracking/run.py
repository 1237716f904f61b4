"""One MLflow run of one stage, and the run that is active now."""

import json
import logging
import os
import re
import shutil
import socket
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ldm_pipelines.tracking.store import reason

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric

log = logging.getLogger(__name__)

# MLflow's limits (mlflow.utils.validation).
KEY_LENGTH, PARAM_LENGTH, TAG_LENGTH, DIGEST_LENGTH = 250, 6000, 8000, 36
PARAMS_PER_BATCH, METRICS_PER_BATCH = 100, 1000

FLUSH_SECONDS = 5.0
"""How long a metric may wait: a commit costs some 5 ms, a metric within one 0.3 ms. A kill loses no more than this."""
RETRY_SECONDS = 60.0
"""Pause after a failed write: each try may wait 20 s for SQLite's lock, and training should not."""
MAX_PENDING = 20_000
"""Metrics kept for a store that does not answer."""

_active: ContextVar["Run | None"] = ContextVar("active_run", default=None)


def active_run() -> "Run | None":
    """The MLflow run of the node that runs now, in this thread; None outside tracked nodes."""
    return _active.get()


class Run:
    """A started MLflow run. Nothing here raises: a failure to write is reported once and the stage goes on."""

    def __init__(self, client: "MlflowClient", experiment_id: str, name: str, tags: Mapping[str, str]) -> None:
        """Start the run ``name``, after ending runs of that name whose process on this host is gone.

        Raises:
            MlflowException: the store refuses; there is no run then.
        """
        _end_abandoned(client, experiment_id, name)
        tags = {"host": socket.gethostname(), "pid": str(os.getpid())} | {
            _key(k): v[:TAG_LENGTH] for k, v in tags.items()
        }
        self.id: str = client.create_run(experiment_id, run_name=name, tags=tags).info.run_id
        self.client, self.name = client, name
        self.live_from: int | None = None
        """First step that was logged while training; None when nothing was."""
        self.resumed_from_other_code = False
        """Set by the stage itself, where it finds work that other code has begun."""
        self._last_step = 0
        self._pending: list[Metric] = []
        self._next_flush = time.monotonic() + FLUSH_SECONDS
        self._warned = False
        _active.set(self)

    def log_params(self, parameters: Mapping[str, Any]) -> None:
        """Log nested parameters under dotted names, values as in YAML."""
        from mlflow.entities import Param

        flat = [Param(key[:KEY_LENGTH], value) for key, value in flatten(parameters)]
        with self.tolerant("parameters"):
            for start in range(0, len(flat), PARAMS_PER_BATCH):
                self.client.log_batch(self.id, params=flat[start : start + PARAMS_PER_BATCH])

    def log_dataset(self, name: str, digest: str, source: Path, context: str) -> None:
        """Log a dataset as an input of the run: its name and digest, not its content."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        dataset = Dataset(name, digest[:DIGEST_LENGTH], "local", json.dumps({"uri": str(source)}))
        with self.tolerant("dataset"):
            self.client.log_inputs(
                self.id, datasets=[DatasetInput(dataset, [InputTag("mlflow.data.context", context)])]
            )

    def set_tags(self, tags: Mapping[str, str]) -> None:
        from mlflow.entities import RunTag

        with self.tolerant("tags"):
            self.client.log_batch(self.id, tags=[RunTag(_key(key), value[:TAG_LENGTH]) for key, value in tags.items()])

    def log_live(self, metrics: Mapping[str, Any], step: int) -> None:
        """Log what training reports at ``step``; written with the next batch."""
        self.live_from = step if self.live_from is None else self.live_from
        self._add(metrics, step)
        if time.monotonic() >= self._next_flush:
            self.flush()

    def log_curves(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Log rows of ``step`` and metrics, but for those that training has reported live."""
        for row in rows:
            step = int(row["step"])
            if self.live_from is None or step < self.live_from:
                self._add({name: value for name, value in row.items() if name != "step"}, step)

    def log_results(self, metrics: Mapping[str, Any]) -> None:
        """Log final metrics, as the newest values of the run. What is no number is left out."""
        self._add(metrics, self._last_step)

    def log_picture(self, path: Path, name: str) -> None:
        """Log a picture as ``name`` at the top of the artefacts: MLflow compares only files that lie there."""
        with self.tolerant(f"picture {name}"):
            if name == path.name:
                self.client.log_artifact(self.id, str(path))
            else:
                with tempfile.TemporaryDirectory() as folder:
                    self.client.log_artifact(self.id, shutil.copy(path, Path(folder) / name))

    def log_yaml(self, content: Mapping[str, Any], name: str) -> None:
        with self.tolerant(name):
            self.client.log_dict(self.id, dict(content), name)

    def flush(self) -> None:
        """Write the metrics that wait; they go on waiting when that fails."""
        self._next_flush = time.monotonic() + RETRY_SECONDS
        with self.tolerant("metrics"):
            while self._pending:
                self.client.log_batch(self.id, metrics=self._pending[:METRICS_PER_BATCH])
                del self._pending[:METRICS_PER_BATCH]
            self._next_flush = time.monotonic() + FLUSH_SECONDS

    def end(self, status: Literal["FINISHED", "FAILED", "KILLED"]) -> None:
        if _active.get() is self:
            _active.set(None)
        self.flush()
        with self.tolerant(f"status {status}"):
            self.client.set_terminated(self.id, status)

    def _add(self, metrics: Mapping[str, Any], step: int) -> None:
        from mlflow.entities import Metric

        self._last_step = max(self._last_step, step)
        now = time.time_ns() // 1_000_000
        for name, value in metrics.items():
            if isinstance(value, Real) and len(self._pending) < MAX_PENDING:
                self._pending.append(Metric(_key(name), float(value), now, step))

    @contextmanager
    def tolerant(self, what: str) -> Iterator[None]:
        """Turn the failure to log ``what`` into a warning, the first time, and into nothing after that."""
        try:
            yield
        except Exception as error:
            if not self._warned:
                log.warning("The %s of %s could not be tracked; the stage goes on: %s", what, self.name, reason(error))
            self._warned = True


def flatten(parameters: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """``{"a": {"b": [1, 2]}}`` as ``("a.b", "[1, 2]")``; values longer than MLflow's limit are cut."""
    for key, value in parameters.items():
        if isinstance(value, Mapping):
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", (value if isinstance(value, str) else json.dumps(value, default=str))[:PARAM_LENGTH]


def _key(name: str) -> str:
    """``name`` with what MLflow does not allow in names replaced."""
    return re.sub(r"[^\w/. :-]", "_", name, flags=re.ASCII)[:KEY_LENGTH]


def _end_abandoned(client: "MlflowClient", experiment_id: str, name: str) -> None:
    """Mark as KILLED what a killed process left RUNNING."""
    host = socket.gethostname()
    left = client.search_runs([experiment_id], f"attributes.status = 'RUNNING' AND attributes.run_name = '{name}'")
    for run in left:
        if run.data.tags.get("host") == host and not _alive(int(run.data.tags.get("pid", 0))):
            client.set_terminated(run.info.run_id, "KILLED")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
