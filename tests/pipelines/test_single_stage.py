"""A stage's lines in DVC's lock are replaced; the file is the one that DVC itself writes."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ldm_pipelines.single_stage import replaced

STAGES = """
stages:
  each:
    foreach: [one, two, three]
    do:
      cmd: cp ${item}.in ${item}.out; cp ${item}.in ${item}.json
      params: [rate, "sizes.${item}"]
      deps: ["${item}.in"]
      outs: ["${item}.out"]
      plots: ["${item}.json": {cache: false}]
"""
PARAMETERS = "rate: 1.0e-06\nsizes: {one: {a: null, b: [1, 2]}, two: 'yes', three: '12e3'}\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "dvc.yaml").write_text(STAGES)
    (folder / "params.yaml").write_text(PARAMETERS)
    for name in ("one", "two", "three"):
        (folder / f"{name}.in").write_text(name)
    subprocess.run([sys.executable, "-m", "dvc", "init", "-q", "--no-scm"], cwd=folder, check=True)
    return folder


def repro(folder: Path, module: str, *words: str) -> None:
    subprocess.run([sys.executable, "-m", module, *words], cwd=folder, check=True, capture_output=True)


def test_the_lock_is_that_of_dvc_for_new_and_for_changed_stages(project: Path, tmp_path: Path) -> None:
    theirs = Path(shutil.copytree(project, tmp_path / "theirs"))
    for folder, module, options in (
        (project, "ldm_pipelines.single_stage", []),
        (theirs, "dvc", ["repro", "--single-item"]),
    ):
        for name in ("two", "one", "three"):
            repro(folder, module, *options, f"each@{name}")
        (folder / "one.in").write_text("changed")
        repro(folder, module, *options, "each@one")
    assert (project / "dvc.lock").read_text() == (theirs / "dvc.lock").read_text()
    before = (project / "dvc.lock").stat().st_mtime_ns
    repro(project, "ldm_pipelines.single_stage", "each@two")
    assert (project / "dvc.lock").stat().st_mtime_ns == before


def test_only_the_named_entry_changes() -> None:
    text = "schema: '2.0'\nstages:\n  a:\n    cmd: x\n  ab:\n    cmd: y\n    outs:\n    - path: z\nmetrics:\n- m\n"
    assert replaced(text, "ab", "  ab:\n    cmd: new\n") == (
        "schema: '2.0'\nstages:\n  a:\n    cmd: x\n  ab:\n    cmd: new\nmetrics:\n- m\n"
    )
    assert replaced(text, "b", "  b:\n    cmd: new\n") == text.replace("metrics", "  b:\n    cmd: new\nmetrics")
    assert replaced(text, "a", "  a:\n    cmd: new\n") == text.replace("cmd: x", "cmd: new")
