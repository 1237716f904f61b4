"""Several stages at a time, in a real DVC repository."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import networkx as nx
import pytest
from support.interruption import heed_ctrl_c

from ldm_pipelines.errors import InputError
from ldm_pipelines.reproduce import Stage, StageFailed, order_of_work, outdated, reproduce, startable

STAGE = """
import sys, time
from pathlib import Path

name, *met = sys.argv[1:]
here = Path("running")
here.mkdir(exist_ok=True)
(here / name).touch()
with open("order.txt", "a") as log:
    log.write(name + "\\n")
if "alone" in met:
    time.sleep(1)
    assert [file.name for file in here.iterdir()] == [name], "somebody else is running"
elif "fails" in met:
    raise SystemExit(name + " is broken")
elif "sleeps" in met:
    try:
        time.sleep(0 if Path("awake").exists() else 120)
    except KeyboardInterrupt:
        Path("interrupted").touch()
        raise
else:
    deadline = time.monotonic() + 60
    while not all((here / other).exists() for other in met):
        assert time.monotonic() < deadline, "nobody came"
        time.sleep(0.01)
    time.sleep(0.5)  # the other one looks, too
Path(name + ".txt").write_text(name)
(here / name).unlink()
"""


def repository(folder: Path, stages: dict[str, tuple[str, list[str]]]) -> Path:
    """Of stages by name: what ``STAGE`` is told, and the stages whose outputs it reads."""
    text = "stages:\n"
    for name, (told, waits_for) in stages.items():
        text += f"  {name}:\n    cmd: {sys.executable} stage.py {name} {told}\n    outs: [{name}.txt]\n"
        text += f"    deps: [{', '.join(f'{other}.txt' for other in waits_for)}]\n" if waits_for else ""
        text += "    meta: {alone: true}\n" if told == "alone" else ""
    (folder / "stage.py").write_text(STAGE)
    (folder / "dvc.yaml").write_text(text)
    subprocess.run([sys.executable, "-m", "dvc", "init", "-q", "--no-scm"], cwd=folder, check=True)
    return folder


def run(folder: Path) -> list[str]:
    return (folder / "order.txt").read_text().split()


def test_ready_stages_run_side_by_side_and_measurements_alone(tmp_path: Path) -> None:
    stages = {"a": ("b", []), "b": ("a", []), "speed": ("alone", ["a"]), "end": ("", ["a", "b", "speed"])}
    project = repository(tmp_path, stages)
    assert reproduce(project, [], jobs=2, progress=False) == 4
    assert set(run(project)[:2]) == {"a", "b"}
    assert run(project)[2:] == ["speed", "end"]
    assert reproduce(project, [], jobs=2, progress=False) == 0
    (project / "a.txt").write_text("changed by hand")
    assert sorted(outdated(project, [])) == ["a", "end", "speed"]
    assert sorted(outdated(project, ["speed"])) == ["a", "speed"]


def test_a_failed_stage_is_named_with_what_it_printed_and_nothing_behind_it_runs(tmp_path: Path) -> None:
    project = repository(tmp_path, {"bad": ("fails", []), "after": ("", ["bad"])})
    with pytest.raises(StageFailed, match=r"stage bad failed .*bad\.log(.|\n)*bad is broken"):
        reproduce(project, [], jobs=2, progress=False)
    assert run(project) == ["bad"]


def test_an_unknown_target_is_answered_with_the_nearest_name(tmp_path: Path) -> None:
    project = repository(tmp_path, {"table": ("", [])})
    with pytest.raises(InputError, match=r"no stage 'tabel' in dvc.yaml; did you mean 'table'"):
        reproduce(project, ["tabel"], jobs=2, progress=False)


def test_ctrl_c_reaches_the_stages_and_the_same_call_goes_on(tmp_path: Path) -> None:
    project = repository(tmp_path, {"first": ("", []), "long": ("sleeps", ["first"])})
    code = "import sys; from pathlib import Path; from ldm_pipelines.reproduce import reproduce; "
    code += "reproduce(Path.cwd(), [], 2, False)"
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, cwd=project, stderr=subprocess.DEVNULL, preexec_fn=heed_ctrl_c) as process:
        deadline = time.monotonic() + 60
        while not (project / "running" / "long").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(30) != 0
    assert (project / "interrupted").exists()
    (project / "awake").touch()
    assert reproduce(project, [], jobs=2, progress=False) == 1
    assert run(project) == ["first", "long", "long"]


def test_what_most_training_waits_for_goes_first() -> None:
    waiting: nx.DiGraph[str] = nx.DiGraph()
    costs = {"small": 10, "autoencoder": 50, "ldm": 900, "speed": 1}
    for name, cost in costs.items():
        waiting.add_node(name, stage=Stage(name, cost, alone=name == "speed"))
    waiting.add_edge("ldm", "autoencoder")
    order = order_of_work(waiting)
    assert order == {"small": 10, "autoencoder": 950, "ldm": 900, "speed": 1}
    assert [stage.name for stage in startable(waiting, [], 1, order)] == ["autoencoder"]
    assert [stage.name for stage in startable(waiting, ["autoencoder"], 2, order)] == ["small"]
    assert not startable(waiting, ["speed"], 2, order)
    waiting.remove_nodes_from(["small", "autoencoder", "ldm"])
    assert [stage.name for stage in startable(waiting, [], 2, order)] == ["speed"]
