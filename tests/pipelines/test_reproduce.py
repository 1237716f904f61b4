"""Several stages at a time, in a real DVC repository."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import networkx as nx
import psutil
import pytest
from support.interruption import heed_ctrl_c

from ldm_pipelines.errors import InputError
from ldm_pipelines.reproduce import Stage, StageFailed, order_of_work, outdated, reproduce, startable

RWLOCK = Path(".dvc/tmp/rwlock")
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
elif "complains" in met:
    raise SystemExit("ERROR: Unable to acquire lock, says somebody else")
elif "stubborn" in met:
    import os, signal
    signal.signal(signal.SIGINT, lambda *_: Path(name + ".asked").touch())
    Path(name + ".pid").write_text(str(os.getpid()))
    for _ in range(600):
        time.sleep(0.1)
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


@contextmanager
def in_a_process(project: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """``reproduce``, two at a time, which Ctrl-C reaches."""
    code = "import sys; from pathlib import Path; from ldm_pipelines.reproduce import reproduce; "
    code += "reproduce(Path.cwd(), [], 2, False)"
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, cwd=project, stderr=subprocess.DEVNULL, preexec_fn=heed_ctrl_c) as process:
        yield process


def wait_for(*files: Path) -> None:
    deadline = time.monotonic() + 60
    while not all(file.exists() for file in files):
        assert time.monotonic() < deadline, files
        time.sleep(0.05)


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
    with in_a_process(project) as process:
        wait_for(project / "running" / "long")
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(30) != 0
    assert (project / "interrupted").exists()
    (project / "awake").touch()
    assert reproduce(project, [], jobs=2, progress=False) == 1
    assert run(project) == ["first", "long", "long"]


def test_ctrl_c_reaches_all_stages_at_once_and_a_second_one_ends_those_that_do_not_heed_it(tmp_path: Path) -> None:
    project = repository(tmp_path, {"one": ("stubborn", []), "two": ("stubborn", [])})
    pids = [project / "one.pid", project / "two.pid"]
    with in_a_process(project) as process:
        wait_for(*pids)
        os.kill(process.pid, signal.SIGINT)
        wait_for(project / "one.asked", project / "two.asked")
        assert process.poll() is None  # waits for them
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(30) != 0
    deadline = time.monotonic() + 10
    while any(psutil.pid_exists(int(pid.read_text())) for pid in pids):
        assert time.monotonic() < deadline, "a stage is left"
        time.sleep(0.05)


@pytest.fixture
def blocker(monkeypatch: pytest.MonkeyPatch) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that is none of DVC's, and little patience with it."""
    monkeypatch.setattr("ldm_pipelines.reproduce.PAUSES_S", (0.1, 0.2))
    monkeypatch.setattr("ldm_pipelines.reproduce.PATIENCE_S", 4.0)
    with subprocess.Popen(["sleep", "120"]) as process:
        yield process
        process.kill()


def block(project: Path, output: str, pid: int) -> None:
    """As a killed process leaves it, whose number another one has by now."""
    (project / RWLOCK).parent.mkdir(exist_ok=True)
    (project / RWLOCK).write_text(json.dumps({"read": {str(project / output): [{"pid": pid, "cmd": "dvc repro"}]}}))


def test_a_stage_that_stays_blocked_is_told_once_and_given_up(
    tmp_path: Path, blocker: "subprocess.Popen[bytes]", capsys: pytest.CaptureFixture[str]
) -> None:
    project = repository(tmp_path, {"a": ("", [])})
    block(project, "a.txt", blocker.pid)
    with pytest.raises(
        StageFailed, match=rf"(?s)\(PID {blocker.pid}\): dvc repro.*no process of DVC's, remove .dvc/tmp/rwlock"
    ):
        reproduce(project, [], jobs=2, progress=False)
    shown = capsys.readouterr().out
    assert shown.count("waiting   a: ERROR: failed to reproduce 'a'") == 1
    assert shown.count("is busy, it is being blocked by") == 1
    assert not (project / "order.txt").exists()


def test_a_stage_that_is_blocked_for_a_while_runs_afterwards(
    tmp_path: Path, blocker: "subprocess.Popen[bytes]", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ldm_pipelines.reproduce.PATIENCE_S", 60.0)
    project = repository(tmp_path, {"a": ("", []), "b": ("", ["a"])})
    block(project, "a.txt", blocker.pid)
    threading.Timer(3, lambda: (blocker.kill(), blocker.wait())).start()
    assert reproduce(project, [], jobs=2, progress=False) == 2


def test_what_a_stage_itself_says_of_locks_is_not_dvc_being_busy(tmp_path: Path) -> None:
    project = repository(tmp_path, {"a": ("complains", [])})
    with pytest.raises(StageFailed, match="says somebody else"):
        reproduce(project, [], jobs=1, progress=False)
    assert run(project) == ["a"]


def test_stages_that_dvc_skips_are_not_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = repository(tmp_path, {"a": ("", []), "b": ("", ["a"])})
    (project / "a.txt").write_text("by hand")
    assert reproduce(project, [], jobs=1, progress=False) == 2
    (project / "a.txt").write_text("by hand")
    shutil.rmtree(project / ".dvc" / "cache" / "runs")
    assert reproduce(project, [], jobs=1, progress=False) == 1
    assert "unchanged b\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        (".dvc", None, "not inside of a DVC repository.*restore .dvc from git"),
        ("dvc.yaml", "stages: [", r"DVC in .*: unable to read: 'dvc.yaml', YAML file structure is corrupted"),
        (str(RWLOCK), '{"write": {"x": 3}}', "RWLock-file .* format error.*; remove .dvc/tmp/rwlock when no other DVC"),
    ],
)
def test_what_dvc_cannot_read_is_one_error(tmp_path: Path, file: str, content: str | None, message: str) -> None:
    project = repository(tmp_path, {"a": ("", [])})
    (project / "a.txt").touch()
    path = project / file
    if content is None:
        shutil.rmtree(path)
    else:
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    with pytest.raises(InputError, match=f"(?s){message}"):
        reproduce(project, [], jobs=2, progress=False)


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
