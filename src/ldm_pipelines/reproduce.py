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
RWLOCK = Path(".dvc/tmp/rwlock")
BUSY = re.compile(r"ERROR: (failed to reproduce '.+': )?(Unable to acquire lock|'.+' is busy, it is being blocked by)")
"""The last that DVC says where two of its processes met; the stage is asked for again."""
POLL_S = 0.1
PAUSES_S = (1.0, 30.0)
"""Before a blocked stage is asked for again: at first, doubled each time, and at most."""
PATIENCE_S = 300.0
"""A stage that is blocked for longer has failed."""
GIVEN_UP = f"\n  it was asked for again for minutes; if what blocks it is no process of DVC's, remove {RWLOCK}"
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
    """Run what ``targets`` (all stages where empty) need and lack, ``jobs`` stages at a time.

    What each stage prints goes to ``data/02_intermediate/reproduce/STAGE.log``. Returns how many ran: DVC skips a stage
    whose inputs turn out the same.

    Raises:
        InputError: a target is not a stage, or DVC cannot say what is stale.
        StageFailed: a stage failed, or another process blocked it for ``PATIENCE_S``. Stages that were running are
            waited for; no other is started.
    """
    waiting = outdated(project, targets)
    (project / LOGS).mkdir(parents=True, exist_ok=True)
    order = order_of_work(waiting)
    running: dict[str, _Running] = {}
    blocked: dict[str, _Blocked] = {}
    failed: list[str] = []
    ran = 0
    with tqdm(total=len(waiting), desc="reproduce", unit="stage", disable=not progress) as bar:
        try:
            while running or (len(waiting) and not failed):
                resting = {name for name, block in blocked.items() if not block.over()}
                for stage in [] if failed else startable(waiting, running, jobs, order, resting):
                    running[stage.name] = _Running(project, stage)
                for name in [name for name, process in running.items() if process.ended()]:
                    process = running.pop(name)
                    if process.blocked_by() and blocked.setdefault(name, _Blocked()).again(process):
                        continue
                    if process.code():
                        failed.append(process.report())
                    else:
                        bar.update()
                        did = f"{process.seconds():6.0f} s" if process.ran() else "unchanged"
                        tqdm.write(f"{did:9} {name}", file=sys.stdout)
                        ran += process.ran()
                        waiting.remove_node(name)
                time.sleep(POLL_S)
        finally:
            _stop(list(running.values()))  # some run only after an interruption
    if failed:
        raise StageFailed("\n".join(failed))
    return ran


def outdated(project: Path, targets: Sequence[str]) -> "nx.DiGraph[str]":
    """Stages that are to run, edges from a stage to what it waits for; attribute ``stage`` of a node is its ``Stage``.

    These are the stages that DVC calls changed, and all that lie behind them. DVC reads the parameters anew for each
    stage that it is asked about, so it is not asked about those where files are missing.

    Raises:
        InputError: a target is not a stage, or DVC cannot read its files or is kept from it.
    """
    from dvc.exceptions import DvcException

    try:
        return _outdated(project, targets)
    except DvcException as error:
        reasons = [str(error), *([str(error.__cause__)] if error.__cause__ else [])]
        raise InputError(f"DVC in {project}: {': '.join(reasons)}{_advice(reasons[0])}") from None


def _advice(problem: str) -> str:
    if "RWLock-file" in problem:
        return f"; remove {RWLOCK} when no other DVC process runs"
    if "not inside of a DVC repository" in problem:
        return "; restore .dvc from git, or run `dvc init`"
    return ""


def _outdated(project: Path, targets: Sequence[str]) -> "nx.DiGraph[str]":
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


def startable(
    waiting: "nx.DiGraph[str]", running: Iterable[str], jobs: int, order: dict[str, int], resting: Iterable[str] = ()
) -> list[Stage]:
    """Stages to start now, those first that most work waits for; not those that are ``resting``."""
    busy = set(running)
    stages: dict[str, Stage] = dict(waiting.nodes(data="stage"))
    if any(stages[name].alone for name in busy):
        return []
    ready = [stages[name] for name in waiting if name not in busy | set(resting) and not waiting.out_degree(name)]
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

    def ran(self) -> bool:
        """Whether DVC ran the stage's command, instead of finding its outputs up to date."""
        return f"Running stage '{self.stage.name}':" in self.printed().splitlines()

    def blocked_by(self) -> str:
        """What DVC said of another process of its kind that kept the stage from running; else empty."""
        if not self.code():
            return ""
        last = re.split(r"^(?=ERROR: )", self.printed(), flags=re.MULTILINE)[-1]
        return last.strip() if BUSY.match(last) else ""

    def printed(self) -> str:
        return self.log.read_text(errors="replace")

    def seconds(self) -> float:
        return time.perf_counter() - self._start

    def report(self) -> str:
        lines = self.printed().splitlines()[-TAIL:]
        text = f"stage {self.stage.name} failed (all it printed: {self.log}):\n" + "\n".join(f"  {x}" for x in lines)
        return text + (GIVEN_UP if self.blocked_by() else "")

    def signal(self, number: int) -> None:
        """To all processes of the stage, which is a session of its own."""
        if not self.ended():
            os.killpg(self._process.pid, number)


class _Blocked:
    """A stage that another process of DVC keeps from running: it is asked for again, ever more rarely."""

    def __init__(self) -> None:
        self._since = self._until = time.monotonic()
        self._pause = PAUSES_S[0]

    def again(self, process: _Running) -> bool:
        """Whether there is patience for another time, after a pause. Says the first time what the matter is."""
        now = time.monotonic()
        if self._until == self._since:
            tqdm.write(f"waiting   {process.stage.name}: {process.blocked_by()}", file=sys.stdout)
        self._until, self._pause = now + self._pause, min(2 * self._pause, PAUSES_S[1])
        return now < self._since + PATIENCE_S

    def over(self) -> bool:
        """Whether the pause is."""
        return time.monotonic() >= self._until


def _stop(processes: Sequence[_Running]) -> None:
    """End stages as Ctrl-C in their own terminals would, and wait, as trainings keep their state; one more kills."""
    try:
        for process in processes:
            process.signal(signal.SIGINT)
        for process in processes:
            process.code()
    except KeyboardInterrupt:
        for process in processes:
            process.signal(signal.SIGKILL)
        raise
