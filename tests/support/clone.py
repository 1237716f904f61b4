"""A copy of the project in a folder of its own, set to the smoke study."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


@dataclass
class Clone:
    """The copied project and the commands a user types in it."""

    root: Path

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command, cwd=self.root, env=self.environment, capture_output=True, text=True, timeout=600, check=False
        )
        if check and done.returncode:
            pytest.fail(f"{' '.join(command)} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    @property
    def environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("DVC_", "MLFLOW_", "KEDRO_", "PYTEST_"))}
        return {**kept, "PATH": f"{BIN}:{os.environ['PATH']}", "DO_NOT_TRACK": "1", "GIT_AUTHOR_NAME": "t",
                "GIT_AUTHOR_EMAIL": "t@t.invalid", "GIT_COMMITTER_NAME": "t",
                "GIT_COMMITTER_EMAIL": "t@t.invalid"}  # fmt: skip


def copy_project(root: Path, study: str = "smoke") -> Clone:
    """The working tree as a fresh git and DVC repository, without data, set to a small study and one thread."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    for name in listed.stdout.splitlines():
        result = name == "dvc.lock" or (name.startswith("data/") and not name.endswith(".gitkeep"))
        if not result and (PROJECT / name).exists():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PROJECT / name, root / name)
    (root / "conf" / "local" / "compute.yml").write_text("num_threads: 1\nprogress: false\ncheckpoint_every: 5\n")
    clone = Clone(root)
    clone.run("git", "init", "-q")
    clone.run("kedro", "compose", f"study={study}")
    clone.run("git", "add", "-A")
    clone.run("git", "commit", "-qm", "smoke")
    return clone
