"""Where MLflow keeps its runs: one SQLite file and one folder of pictures for all of a project's experiments."""

import logging
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ldm_pipelines.errors import InputError

if TYPE_CHECKING:
    from mlflow import MlflowClient

SQLITE = "sqlite:///"

EXPERIMENT_TAGS = {
    "mlflow.experimentKind": "custom_model_development",
    "mlflow.note.content": "One run per stage and entity of the study. Group by the tag `group`: one reproduction, one "
    "experiment or one command. Compare runs of the same stage.",
}
"""The kind makes MLflow's pages open at runs and metrics instead of traces of language models."""


def tracking_uri(project: Path) -> str:
    """The user's ``MLFLOW_TRACKING_URI``, else ``mlflow.db`` in the project.

    Queued DVC experiments run in temporary clones that are deleted; DVC names the real repository in ``DVC_ROOT``.
    """
    dvc_root = Path(os.environ.get("DVC_ROOT", ""))
    root = dvc_root if dvc_root.is_absolute() and (dvc_root / ".dvc").is_dir() else project.resolve()
    return os.environ.get("MLFLOW_TRACKING_URI") or f"{SQLITE}{root / 'mlflow.db'}"


def open_store(uri: str) -> "MlflowClient":
    """A client of the store at ``uri``; an SQLite file is made when missing."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    from mlflow import MlflowClient

    logging.getLogger("alembic").setLevel(logging.WARNING)
    # Database errors reach us as exceptions; MLflow would print a traceback for each as well.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
    if uri.startswith(SQLITE):
        database = Path(uri.removeprefix(SQLITE))
        if not database.exists():
            _create(database)
        _check(database)
    return MlflowClient(uri)


def open_experiment(client: "MlflowClient", name: str) -> str:
    """Id of the experiment ``name``, made when missing. With SQLite its pictures lie in ``mlruns`` beside the file."""
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        uri = str(client.tracking_uri)
        location = _artifacts(Path(uri.removeprefix(SQLITE))) if uri.startswith(SQLITE) else None
        try:
            return str(client.create_experiment(name, artifact_location=location, tags=EXPERIMENT_TAGS))
        except MlflowException:  # another process was quicker
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
    for key, value in EXPERIMENT_TAGS.items():
        if key not in found.tags:
            client.set_experiment_tag(found.experiment_id, key, value)
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    return str(found.experiment_id)


@contextmanager
def opening(uri: str) -> Iterator[None]:
    """Turn whatever goes wrong into one message for the person at the keyboard.

    Raises:
        InputError: the store at ``uri`` cannot be opened or written.
    """
    try:
        yield
    except Exception as error:
        raise InputError(
            f"MLflow's store {uri} cannot be used: {reason(error)}. Put that right, move the store away to "
            "begin a new one, or name another in the environment variable MLFLOW_TRACKING_URI"
        ) from error


def reason(error: BaseException) -> str:
    """The first line of what was wrong at the bottom, below what SQLAlchemy and MLflow say about it."""
    while error.__cause__:
        error = error.__cause__
    return str(error).partition("\n")[0] or type(error).__name__


def _create(database: Path) -> None:
    """Write the schema elsewhere and link it in place: no process ever sees half of it, and the first one wins."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
    from sqlalchemy import Engine, event

    def without_waiting_for_the_disk(connection: sqlite3.Connection, _: object) -> None:
        connection.execute("PRAGMA synchronous = OFF")  # some 70 migrations: 6 s instead of 1.5 s on a busy disk

    database.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=database.parent, prefix=".mlflow-") as folder:
        fresh = Path(folder) / database.name
        event.listen(Engine, "connect", without_waiting_for_the_disk)
        try:
            store = SqlAlchemyStore(f"{SQLITE}{fresh}", _artifacts(database))  # type: ignore[no-untyped-call]
            store.engine.dispose()
        finally:
            event.remove(Engine, "connect", without_waiting_for_the_disk)
        with fresh.open("rb") as file:
            os.fsync(file.fileno())
        try:
            os.link(fresh, database)
        except FileExistsError:
            pass
        except OSError:  # a file system without hard links
            fresh.replace(database)


def _check(database: Path) -> None:
    """Fail at once on a file that is no database: MLflow itself would retry for minutes."""
    with closing(sqlite3.connect(database, timeout=20)) as connection:
        connection.execute("PRAGMA schema_version").fetchone()


def _artifacts(database: Path) -> str:
    return (database.resolve().parent / "mlruns").as_uri()
