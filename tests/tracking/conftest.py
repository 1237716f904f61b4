"""A small Kedro project with the hook: its nodes are given by the test, the rest is real."""

import importlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.pipeline.node import Node
from mlflow import MlflowClient
from mlflow.entities import Run

import ldm_pipelines
from ldm_pipelines.tracking.store import open_store

REGISTRY = """
from kedro.pipeline import Pipeline

nodes = []


def register_pipelines():
    return {"__default__": Pipeline(nodes)}
"""


SETTINGS = """
from ldm_pipelines.tracking.hooks import MLflowHook

HOOKS = (MLflowHook(),)
"""


class Project:
    """A Kedro project in ``folder``. ``registry`` is the source of its pipeline registry, for runs in a subprocess."""

    def __init__(self, folder: Path, registry: str = REGISTRY) -> None:
        self.folder = folder
        self.package = f"project_{abs(hash(str(folder)))}"
        files = {
            "pyproject.toml": f'[tool.kedro]\npackage_name = "{self.package}"\nproject_name = "small"\n'
            'kedro_init_version = "1.7.0"\nsource_dir = "src"\n',
            "conf/base/parameters.yml": "study: small\nseed: 7\n",
            "conf/base/catalog.yml": "",
            "conf/local/.gitkeep": "",
            ".telemetry": "consent: false\n",
            f"src/{self.package}/__init__.py": "",
            f"src/{self.package}/settings.py": SETTINGS,
            f"src/{self.package}/pipeline_registry.py": registry,
            ".gitignore": "mlflow.db\nmlruns\n__pycache__\n",
        }
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)

    def run(self, *nodes: Node) -> None:
        """A Kedro session in this process."""
        bootstrap_project(self.folder)
        importlib.import_module(f"{self.package}.pipeline_registry").nodes[:] = nodes
        with KedroSession.create(self.folder) as session:
            session.run()

    def start(self, *command: str) -> subprocess.Popen[str]:
        """A command in the project's folder; without arguments ``kedro run``."""
        return subprocess.Popen(
            command or (sys.executable, "-m", "kedro", "run"),
            cwd=self.folder,
            env=os.environ | {"PYTHONPATH": str(Path(ldm_pipelines.__file__).parents[1])},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def call(self, *command: str) -> str:
        """Run the command to its end, which must be good, and return what it printed."""
        process = self.start(*command)
        output, _ = process.communicate()
        assert process.returncode == 0, output
        return output

    def git_init(self) -> str:
        """Make the project a git repository with one commit; its hash."""
        self.call("git", "init", "-q")
        return self.commit()

    def commit(self) -> str:
        self.call("git", "add", "-A")
        self.call("git", "-c", "user.name=n", "-c", "user.email=e@x.org", "commit", "-q", "-m", "message")
        return self.call("git", "rev-parse", "HEAD").strip()

    @property
    def client(self) -> MlflowClient:
        return MlflowClient(f"sqlite:///{self.folder}/mlflow.db")

    def runs(self, query: str = "") -> list[Run]:
        """The runs of the project's study, oldest first."""
        experiment = self.client.get_experiment_by_name("ldm_pipelines/small")
        if experiment is None:
            return []
        return list(self.client.search_runs([experiment.experiment_id], query, order_by=["attributes.start_time ASC"]))


@pytest.fixture(autouse=True)
def _no_outer_tracking(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests that run inside a DVC stage, or beside a tracking server, keep to their own store."""
    for name in ("MLFLOW_TRACKING_URI", "DVC_ROOT", "DVC_STAGE", "DVC_EXP_NAME", "DVC_EXP_BASELINE_REV"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store as the hook makes it; making one takes a second or two."""
    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    open_store(f"sqlite:///{path}")
    return path


@pytest.fixture
def make_project(tmp_path: Path, empty_store: Path) -> Callable[..., Project]:
    """A project with an empty store."""

    def make(registry: str = REGISTRY, folder: str = "project") -> Project:
        project = Project(tmp_path / folder, registry)
        shutil.copy(empty_store, project.folder)
        return project

    return make


@pytest.fixture
def project(make_project: Callable[..., Project]) -> Project:
    return make_project()
