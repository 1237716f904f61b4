"""MLflow's own pages of a store, served on this machine alone."""

import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from support.browser import Browser, Page
from support.clone import BIN

PATIENCE = 120.0
"""Seconds that the server may take to start."""


@contextmanager
def serving(project: Path) -> Iterator[str]:
    """The address of MLflow's pages for the store of a project, as ``make ui`` serves them, on a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}", "MLFLOW_DISABLE_TELEMETRY": "true"}
    command = ["mlflow", "ui", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    with (project / "mlflow_ui.log").open("w") as log:
        server = subprocess.Popen(
            [*command, "--backend-store-uri", f"sqlite:///{project}/mlflow.db"],
            cwd=project, env=environment, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
        try:
            _wait(f"http://127.0.0.1:{port}", server)
            yield f"http://127.0.0.1:{port}"
        finally:
            os.killpg(server.pid, signal.SIGTERM)  # the server and its workers: a session of their own
            server.wait(timeout=30)
    (project / "mlflow_ui.log").unlink()


def compare(browser: Browser, address: str, experiment: str, runs: Sequence[str], metric: str, **look: int) -> Page:
    """The page that compares runs of an experiment, once it shows ``metric``; what else is on the screen put away."""
    ids = "[" + ",".join(f"%22{run}%22" for run in runs) + "]"
    url = f"{address}/#/compare-runs?runs={ids}&experiments=[%22{experiment}%22]&workflowType=machine_learning"
    page = browser.open(url, **look)
    page.wait(f"document.body.innerText.split('\\n').includes({json.dumps(metric)})")
    for button in ("Close", "Toggle sidebar"):
        selector = f"button[aria-label='{button}']"
        if page.shown(selector):
            page.click(selector)
    return page


def _wait(address: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=5):  # noqa: S310
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise TimeoutError(f"MLflow's pages did not start: see {server.args}")
