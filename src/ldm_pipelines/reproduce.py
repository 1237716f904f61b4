"""``dvc repro`` with several stages at a time: DVC decides what a stage needs and records it, this decides the order.

A ready stage goes first that most training still waits for. Stages whose ``meta`` says ``alone`` (speeds are measured)
run when nothing else does. Each stage is a ``dvc repro --single-item`` of its own, so a kill loses nothing that DVC's
stages themselves do not lose, and the same command goes on.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import networkx as nx
from tqdm import tqdm

from ldm_pipelines.config.compose import PARAMS_FILE, read_params
from ldm_pipelines.errors import InputError, near_miss

LOGS = Path("data/02_intermediate/reproduce")
BUSY = re.compile("Unable to acquire lock|is busy, it is being blocked by")
"""What DVC says where two of its processes met before the stage's command began; the stage is asked for again."""
POLL_S = 0.1
OVERHEAD = 100
"""What a stage costs beside its training, in training steps: roughly, it only decides the order."""
TAIL = 15
"""Lines of a failed stage's log that are printed."""


@dataclass(frozen=True)
class Stage:
    """A stage that has to run."""

    name: str
    cost: int = OVERHEAD
    """In training steps."""
    alone: bool = False


class StageFailed(Exception):
    """A stage ended with an error. The message says which, and ends with its log's last lines."""


def reproduce(project: Path, targets: Sequence[str], jobs: int, progress: bool = True) -> int:
    """Run what ``targets`` (all stages where empty) need and lack, ``jobs`` stages at a time; returns how many ran.

    What each stage prints goes to ``data/02_intermediate/reproduce/STAGE.log``.

    Raises:
        InputError: a target is not a stage.
        StageFailed: a stage failed. Stages that were running are waited for; no other is started.
    """
    waiting = outdated(project, targets)
    total = len(waiting)
    (project / LOGS).mkdir(parents=True, exist_ok=True)
    order = order_of_work(waiting)
    running: dict[str, _Running] = {}
    failed: list[str] = []
    with tqdm(total=total, desc="reproduce", unit="stage", disable=not progress) as bar:
        try:
            while running or (len(waiting) and not failed):
                if not failed:
                    for stage in startable(waiting, running, jobs, order):
                        running[stage.name] = _Running(project, stage)
                for name in [name for name, process in running.items() if process.ended()]:
                    process = running.pop(name)
                    if process.busy():
                        continue
                    if process.code():
                        failed.append(process.report())
                    else:
                        bar.update()
                        tqdm.write(f"{process.seconds():6.0f} s  {name}", file=sys.stdout)
                        waiting.remove_node(name)
                time.sleep(POLL_S)
        finally:
            for process in running.values():  # only after an interruption
                process.stop()
    if failed:
        raise StageFailed("\n".join(failed))
    return total


def outdated(project: Path, targets: Sequence[str]) -> "nx.DiGraph[str]":
    """Stages that are to run, edges from a stage to what it waits for; attribute ``stage`` of a node is its ``Stage``.

    These are the stages that DVC calls changed, and all that lie behind them. DVC reads the parameters anew for each
    stage that it is asked about, so it is not asked about those where files are missing.
    """
    from dvc.repo import Repo

    with chdir(project), Repo() as repo:  # DVC's names of stages are relative to the working folder
        stages = {stage.addressing: stage for stage in repo.index.stages}
        graph: nx.DiGraph[str] = nx.relabel_nodes(repo.index.graph, lambda stage: str(stage.addressing))
        unknown = [name for name in targets if name not in stages]
        if unknown:
            raise InputError(f"no stage {unknown[0]!r} in dvc.yaml{near_miss(unknown[0], stages)}")
        wanted = set(stages) if not targets else set(targets).union(*(nx.descendants(graph, name) for name in targets))
        changed = _with_all_behind({name for name in wanted if _lacks_files(stages[name])}, graph)
        with repo.lock:
            asked = {name for name in sorted(wanted - changed) if stages[name].status()}
        changed |= _with_all_behind(asked, graph)
        parameters = read_params(Path()) if Path(PARAMS_FILE).exists() else {}
        found: nx.DiGraph[str] = graph.subgraph(changed & wanted).copy()
        nx.set_node_attributes(found, {name: _described(stages[name], parameters) for name in found}, "stage")
    return found


def _with_all_behind(names: set[str], graph: "nx.DiGraph[str]") -> set[str]:
    return names.union(*(nx.ancestors(graph, name) for name in names))


def _lacks_files(stage: Any) -> bool:
    return not all(Path(item.fs_path).exists() for item in (*stage.deps, *stage.outs))


def startable(waiting: "nx.DiGraph[str]", running: Iterable[str], jobs: int, order: dict[str, int]) -> list[Stage]:
    """Stages to start now, those first that most work waits for."""
    busy = set(running)
    stages: dict[str, Stage] = dict(waiting.nodes(data="stage"))
    if any(stages[name].alone for name in busy):
        return []
    ready = [stages[name] for name in waiting if name not in busy and not waiting.out_degree(name)]
    ready.sort(key=lambda stage: (-order[stage.name], stage.name))
    shared = [stage for stage in ready if not stage.alone][: jobs - len(busy)]
    if shared or busy:
        return shared
    return ready[:1]


def order_of_work(waiting: "nx.DiGraph[str]") -> dict[str, int]:
    """By stage: the costliest chain of stages that begins with it."""
    work: dict[str, int] = {}
    for name in nx.topological_sort(waiting):  # a stage comes before those it waits for
        stage: Stage = waiting.nodes[name]["stage"]
        work[name] = stage.cost + max((work[later] for later in waiting.predecessors(name)), default=0)
    return work


def _described(stage: Any, parameters: dict[str, Any]) -> Stage:
    """Of a stage of DVC: its training steps stand among its parameters."""
    steps = 0
    for key in [key for dependency in stage.deps for key in getattr(dependency, "params", ())]:
        value: Any = parameters
        for part in key.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        training = value.get("training") if isinstance(value, dict) else None
        steps += int((training or {}).get("steps", 0))
    return Stage(stage.addressing, OVERHEAD + steps, bool((stage.meta or {}).get("alone")))


class _Running:
    """A stage's process and its log."""

    def __init__(self, project: Path, stage: Stage) -> None:
        self.stage = stage
        self.log = project / LOGS / f"{stage.name}.log"
        self._start = time.perf_counter()
        # without waiting, a stage that ends while another process holds the lock would lose what it trained
        command = [sys.executable, "-m", "ldm_pipelines.single_stage", stage.name]
        environment = os.environ | {"PYTHONUNBUFFERED": "1"}
        with self.log.open("wb") as stream:
            self._process = subprocess.Popen(  # noqa: S603 - the arguments are ours
                command, cwd=project, stdout=stream, stderr=subprocess.STDOUT, env=environment, start_new_session=True
            )

    def ended(self) -> bool:
        return self._process.poll() is not None

    def code(self) -> int:
        return self._process.wait()

    def busy(self) -> bool:
        return self.code() != 0 and BUSY.search(self.log.read_text(errors="replace")) is not None

    def seconds(self) -> float:
        return time.perf_counter() - self._start

    def report(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-TAIL:]
        return f"stage {self.stage.name} failed (all it printed: {self.log}):\n" + "\n".join(f"  {x}" for x in lines)

    def stop(self) -> None:
        """End it as Ctrl-C in its own terminal would, and wait: trainings keep their state."""
        if not self.ended():
            os.killpg(self._process.pid, signal.SIGINT)
        self._process.wait()
