"""Processes that are killed, that start together, that DVC starts."""

import importlib.util
import shutil
import signal
import subprocess
import sys
import time

import pytest
from kedro.pipeline import node

from ldm_pipelines.tracking.run import Run
from ldm_pipelines.tracking.store import open_experiment

SLEEP = """
import time
from kedro.pipeline import Pipeline, node

nodes = [node(lambda: time.sleep(600), None, "x", name="train_diffusion.unet")]


def register_pipelines():
    return {"__default__": Pipeline(nodes)}
"""

SAMPLE = """
from pathlib import Path
from kedro.pipeline import Pipeline, node


def sample():
    Path("result.txt").write_text(Path("params.txt").read_text())
    return {"metrics": {"fid": float(Path("params.txt").read_text())}}


def register_pipelines():
    return {"__default__": Pipeline([node(sample, None, "x", name="sample.unet")])}
"""

TABLES = """
import sys
from kedro.pipeline import Pipeline, node


def tables():
    print("imported:", sorted({"mlflow", "torch", "pytorch_lightning"} & set(sys.modules)))
    return 1


def register_pipelines():
    return {"__default__": Pipeline([node(tables, None, "x", name="tables.table_03")])}
"""

OPEN_STORE = """
import sys
from ldm_pipelines.tracking.run import Run
from ldm_pipelines.tracking.store import open_experiment, open_store

print("ready", flush=True)
sys.stdin.readline()
client = open_store(sys.argv[1])
run = Run(client, open_experiment(client, "shared"), "sample.unet", {})
run.log_results({"fid": 1.0})
run.end("FINISHED")
"""


def start_and_wait_until_running(project):
    process = project.start()
    deadline = time.monotonic() + 60
    while not project.runs():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.1)
    time.sleep(0.5)  # now the node itself sleeps
    return process


def test_an_interrupted_stage_ends_as_killed(make_project):
    project = make_project(SLEEP)
    process = start_and_wait_until_running(project)
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert [run.info.status for run in project.runs()] == ["KILLED"]


def test_what_a_killed_process_left_running_ends_when_the_same_stage_starts_again(make_project):
    project = make_project(SLEEP)
    process = start_and_wait_until_running(project)
    process.kill()
    process.communicate()
    assert [run.info.status for run in project.runs()] == ["RUNNING"]
    project.run(node(lambda: 1, None, "x", name="train_diffusion.other"))
    assert [run.info.status for run in project.runs()] == ["RUNNING", "FINISHED"]
    project.run(node(lambda: 1, None, "x", name="train_diffusion.unet"))
    assert [run.info.status for run in project.runs()] == ["KILLED", "FINISHED", "FINISHED"]


def test_a_run_of_a_living_process_is_left_alone(project):
    alive = Run(project.client, open_experiment(project.client, "ldm_pipelines/small"), "train_diffusion.unet", {})
    project.run(node(lambda: 1, None, "x", name="train_diffusion.unet"))
    assert [run.info.status for run in project.runs()] == ["RUNNING", "FINISHED"]
    alive.end("FINISHED")


def test_processes_that_start_together_share_one_sound_store(project):
    database = project.folder / "mlflow.db"
    database.unlink()
    command = (sys.executable, "-c", OPEN_STORE, f"sqlite:///{database}")
    processes = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    for process in processes:
        process.stdout.readline()
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        process.communicate()
    assert [process.returncode for process in processes] == [0, 0]
    experiment = project.client.get_experiment_by_name("shared")
    runs = project.client.search_runs([experiment.experiment_id])
    assert [(run.info.status, run.data.metrics) for run in runs] == [("FINISHED", {"fid": 1.0})] * 2
    assert [path.name for path in project.folder.iterdir() if "mlflow" in path.name] == ["mlflow.db"]


def test_stages_that_only_report_import_nothing_slow(make_project):
    project = make_project(TABLES)
    assert "imported: []" in project.call()
    assert project.runs() == []


@pytest.mark.skipif(shutil.which("git") is None or importlib.util.find_spec("dvc") is None, reason="needs git and dvc")
def test_runs_name_their_dvc_stage_and_experiment_and_meet_in_the_repository_s_store(make_project):
    project = make_project(SAMPLE)
    (project.folder / "params.txt").write_text("3")
    (project.folder / "dvc.yaml").write_text(
        "stages:\n  sample:\n    foreach: {unet: {}}\n    do:\n"
        f"      cmd: {sys.executable} -m kedro run\n"
        "      deps: [params.txt]\n      outs: [result.txt: {cache: false}]\n"
    )
    dvc = (sys.executable, "-m", "dvc")
    project.call("git", "init", "-q")
    project.call(*dvc, "init", "-q")
    project.call(*dvc, "config", "core.analytics", "false")
    first = project.commit()
    project.call(*dvc, "repro", "-q")
    second = project.commit()
    (project.folder / "params.txt").write_text("4")
    project.call(*dvc, "exp", "run", "-q", "--temp", "--name", "bold-try")
    repro, experiment = project.runs()
    assert repro.data.tags["dvc.stage"] == experiment.data.tags["dvc.stage"] == "sample@unet"
    assert "dvc.experiment" not in repro.data.tags
    assert experiment.data.tags["dvc.experiment"] == "bold-try"
    assert experiment.data.tags["dvc.baseline"] == second
    assert (repro.data.tags["git.commit"], repro.data.tags["git.dirty"]) == (first, "false")
    assert (experiment.data.tags["git.commit"], experiment.data.tags["git.dirty"]) == (second, "true")
    assert (repro.data.metrics, experiment.data.metrics) == ({"fid": 3.0}, {"fid": 4.0})
