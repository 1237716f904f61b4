"""What DVC says about the stages behind a result: which there are, and what changed since they ran."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from ldm_pipelines.errors import InputError
from ldm_pipelines.tracking.run import flatten

if TYPE_CHECKING:
    from dvc.dependency.param import ParamsDependency
    from dvc.stage import Stage

MATCHING = {"not in cache"}
"""States of an output that is as ``dvc.lock`` says, only not kept twice."""
STATES = {"modified": "changed", "deleted": "missing", "new": "not in dvc.lock"}


class Lineage:
    """The graph of ``dvc.yaml``: which stages a file rests on."""

    def __init__(self, folder: Path) -> None:
        """The DVC repository around ``folder``.

        Raises:
            InputError: there is none, or its ``dvc.yaml`` cannot be read.
        """
        from dvc.exceptions import DvcException
        from dvc.repo import Repo

        try:
            self._repo = Repo(str(folder))
            self._graph = self._repo.index.graph
        except DvcException as error:
            raise InputError(f"DVC cannot read this project: {error}") from error
        self.root = Path(self._repo.root_dir)
        self._stages: dict[str, Stage] = {stage.name: stage for stage in self._repo.index.stages}
        self._makers = {Path(out.fs_path): name for name, stage in self._stages.items() for out in stage.outs}

    def chain(self, path: Path) -> list[str]:
        """The stages that a file rests on, first those that need no other; empty where no stage makes it."""
        maker = self._makers.get(path)
        return self.behind(maker) if maker else []

    def behind(self, stage: str) -> list[str]:
        """The stages that a stage rests on, first those that need no other, last itself."""
        from dvc.repo.graph import collect_pipeline

        return [found.name for found in collect_pipeline(self._stages[stage], self._graph)]

    @property
    def names(self) -> set[str]:
        """Of all stages."""
        return set(self._stages)

    def outputs(self, stage: str) -> list[Path]:
        return [Path(out.fs_path) for out in self._stages[stage].outs]

    def inputs(self, stage: str) -> list[Path]:
        """All that it depends on: data, code, ``params.yaml``."""
        return [Path(dependency.fs_path) for dependency in self._stages[stage].deps]

    def changes(self, stages: Iterable[str], progress: bool) -> dict[str, list[str]]:
        """What changed since each stage ran, in words; stages that are up to date are left out.

        Raises:
            InputError: another DVC command is running, or a stage's files cannot be read.
        """
        from dvc.exceptions import DvcException

        found = {}
        try:
            with self._repo.lock:
                for name in tqdm(list(stages), desc="comparing with dvc.lock", unit="stage", disable=not progress):
                    stage = self._stages[name]
                    entries: list[Any] = next(iter(stage.status(check_updates=True).values()), [])
                    if words := list(_explain(stage, entries, self.root)):
                        found[name] = words
        except DvcException as error:
            raise InputError(f"DVC cannot tell what is up to date: {error}") from error
        return found


def _explain(stage: "Stage", entries: Iterable[str | Mapping[str, Any]], root: Path) -> Iterator[str]:
    from dvc.dependency.param import ParamsDependency

    files = {str(file): file for file in (*stage.outs, *stage.deps)}  # DVC names them from the working directory
    for entry in entries:
        if isinstance(entry, str):  # "changed command", "always changed"
            yield entry
            continue
        for name, state in entry.get("changed deps", {}).items():
            if isinstance(files[name], ParamsDependency) and isinstance(state, Mapping):
                yield from _changed_values(files[name], state)
            else:
                path = _within(root, files[name].fs_path)
                what = "code" if path.startswith("src/") else "data"
                what = "parameters" if isinstance(files[name], ParamsDependency) else what
                yield f"{what} {STATES.get(state, state)}: {path}"
        for name, state in entry.get("changed outs", {}).items():
            if state not in MATCHING:
                yield f"output {STATES.get(state, state)} since it was made: {_within(root, files[name].fs_path)}"


def _within(root: Path, path: str) -> str:
    """``path`` from the project's folder, where it lies in it."""
    return (Path(path).relative_to(root) if Path(path).is_relative_to(root) else Path(path)).as_posix()


def _changed_values(dependency: "ParamsDependency", changed: Iterable[str]) -> Iterator[str]:
    """Each parameter that differs, with the value that the stage ran with."""
    now, then = dependency.read_params(), dependency.hash_info.value or {}
    for group in changed:
        before, after = (dict(flatten({group: values[group]})) if group in values else {} for values in (then, now))
        for key in sorted({**before, **after}):
            if before.get(key) != after.get(key):
                yield f"parameter changed: {key}: {after.get(key, 'absent')}, was {before.get(key, 'absent')}"
