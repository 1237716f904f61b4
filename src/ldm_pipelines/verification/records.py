"""Whether the provenance records are of the artefacts and results that lie here."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ldm_pipelines.digests import digest_folder, digest_result
from ldm_pipelines.tracking.hooks import TRACKED_STAGES
from ldm_pipelines.tracking.provenance import commit_exists


class Records:
    """The records in a folder, checked stage by stage, those first that others rest on."""

    def __init__(self, folder: Path, root: Path) -> None:
        """``root``: the git repository that the recorded commits belong to."""
        self._folder, self._root = folder, root
        self._present: dict[str, str] = {}
        self._commits: dict[str, bool] = {}
        self.read = 0
        self.dirty = 0
        """How many records were read, and how many of them are of code that differed from its commit."""

    def problems(self, stage: str, outputs: Sequence[Path]) -> list[str]:
        """What the record of ``stage`` says that is not so; ``outputs`` are the paths that the stage makes."""
        if stage.partition("@")[0] not in TRACKED_STAGES:
            return []
        file = self._folder / f"{stage.replace('@', '.')}.json"
        try:
            record = json.loads(file.read_bytes())
        except FileNotFoundError:
            return [f"no provenance record {file.name}"]
        except ValueError as error:
            return [f"provenance record {file.name} is not JSON ({error})"]
        if not isinstance(record, dict):
            return [f"provenance record {file.name} holds no JSON object"]
        self.read += 1
        self.dirty += bool(record.get("git_dirty"))
        return [f"{file.name}: {problem}" for problem in self._problems(record, outputs)]

    def _problems(self, record: Mapping[str, Any], outputs: Sequence[Path]) -> Iterator[str]:
        if not self._known(record.get("git_commit")):
            yield f"its git commit {record.get('git_commit')} is not in this repository"
        for name, digest in (record.get("outputs") or {}).items():
            present = self._digest(name, outputs)
            if present not in (None, digest):
                yield f"recorded for another {name} ({digest[:12]}) than the one here ({present[:12]})"
        for name, digest in (record.get("inputs") or {}).items():
            present = self._present.get(name)
            if present not in (None, digest):
                yield f"made from another {name} ({digest[:12]}) than the one here ({present[:12]})"

    def _known(self, commit: Any) -> bool:
        if not isinstance(commit, str):
            return False
        if commit not in self._commits:
            self._commits[commit] = commit_exists(self._root, commit)
        return self._commits[commit]

    def _digest(self, name: str, outputs: Sequence[Path]) -> str | None:
        """Of the output that a record calls ``KIND/NAME``; None where it is not there (which DVC tells)."""
        path = _path_of(name, outputs)
        if path is None or not path.exists():
            return None
        if path.is_dir():
            self._present[name] = digest_folder(path)
        else:
            try:
                self._present[name] = digest_result(json.loads(path.read_bytes()))
            except ValueError:
                return None  # not JSON: the table says so
        return self._present[name]


def _path_of(name: str, outputs: Sequence[Path]) -> Path | None:
    """``ldms/NAME`` ends the path of a model; datasets and references lie in numbered folders, alone of their name."""
    exact = [
        path for path in outputs if f"{path.with_suffix('')}".endswith(f"/{name}") and path.suffix in ("", ".json")
    ]
    alone = [path for path in outputs if path.name == name.rpartition("/")[2]]
    return next(iter(exact or alone), None)
