"""Whether the provenance records are of the artefacts and results that lie here."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ldm_pipelines.config.study import Study
from ldm_pipelines.digests import digest_folder, digest_parameters, digest_result
from ldm_pipelines.reporting.pages.records import STAGES
from ldm_pipelines.tracking.hooks import TRACKED_STAGES
from ldm_pipelines.tracking.provenance import DOUBTS, commit_exists, is_artefact
from ldm_pipelines.verification.names import Names

RAW = Path("data/01_raw")
"""What lies there is in no record: it has no digest, and may be huge."""


def parameters_of(study: Study) -> dict[str, str]:
    """Digest of the parameters of every node that leaves a record, ``STAGE.NAME``."""
    found = {
        f"{stage}.{name}": digest_parameters(entity)
        for kind, stage in STAGES.items()
        for name, entity in study.entities(kind).items()
    }
    studies = study.user_studies.values()
    return found | {f"read_user_study.{one.rival_result}": digest_parameters(one) for one in studies}


class Records:
    """The records in a folder, checked stage by stage, those first that others rest on."""

    def __init__(self, folder: Path, root: Path, parameters: Mapping[str, str]) -> None:
        """``root``: the git repository that the recorded commits belong to; ``parameters``: as ``parameters_of``."""
        self._folder, self._root, self._parameters = folder, root, parameters
        self._names = Names(root)
        self._present: dict[str, str | None] = {}
        self._commits: dict[str, bool] = {}
        self.read = 0
        self.dirty = 0
        """How many records were read, and how many of them are of code that differed from its commit."""

    def problems(self, stage: str, outputs: Sequence[Path], inputs: Sequence[Path]) -> list[str]:
        """What the records of ``stage`` do not say, or say that is not so.

        ``outputs`` are the paths that the stage makes, its records among them, and ``inputs`` those that it reads.
        """
        if stage.partition("@")[0] not in TRACKED_STAGES:
            return []
        made = {name: self._digest(path) for path in outputs if (name := self._names.of(path))}
        self._present |= made
        reads = any(path.is_relative_to(self._root / "data") and not self._is_raw(path) for path in inputs)
        files = [path for path in outputs if path.parent == self._folder]
        found: list[str] = []
        recorded: set[str] = set()
        for file in files or [self._folder / f"{stage.replace('@', '.')}.json"]:
            record = self._read(file)
            if isinstance(record, str):
                return [record]
            found += [f"{file.name}: {problem}" for problem in self._problems(file.stem, record, made, reads)]
            recorded |= set(record.get("outputs") or {})
        lacking = [name for name, digest in made.items() if digest and name not in recorded]
        return [*found, *(f"no provenance record has a digest of {name}" for name in lacking)]

    def _read(self, file: Path) -> Mapping[str, Any] | str:
        """The record, or what is wrong with its file."""
        try:
            record = json.loads(file.read_bytes())
        except FileNotFoundError:
            return f"no provenance record {file.name}"
        except ValueError as error:
            return f"provenance record {file.name} is not JSON ({error})"
        if not isinstance(record, dict):
            return f"provenance record {file.name} holds no JSON object"
        self.read += 1
        self.dirty += bool(record.get("git_dirty"))
        return record

    def _problems(
        self, node: str, record: Mapping[str, Any], made: Mapping[str, str | None], reads: bool
    ) -> Iterator[str]:
        if record.get("node") != node:
            yield f"it is of {record.get('node')}"
        if not self._known(record.get("git_commit")):
            yield f"its git commit {record.get('git_commit')} is not in this repository"
        if record.get("parameters") != self._parameters.get(node):
            yield "recorded for other parameters than those in params.yaml"
        yield from (text for doubt, text in DOUBTS.items() if record.get(doubt))
        for name, digest in (record.get("outputs") or {}).items():
            if name not in made:
                yield f"recorded for {name}, which this stage does not make"
            elif made[name] not in (None, digest):
                yield f"recorded for another {name} ({_short(digest)}) than the one here ({_short(made[name])})"
        if reads and not record.get("inputs"):
            yield "it names no inputs"
        for name, digest in (record.get("inputs") or {}).items():
            present = self._present.get(name)
            if present not in (None, digest):
                yield f"made from another {name} ({_short(digest)}) than the one here ({_short(present)})"

    def _known(self, commit: Any) -> bool:
        if not isinstance(commit, str):
            return False
        if commit not in self._commits:
            self._commits[commit] = commit_exists(self._root, commit)
        return self._commits[commit]

    def _is_raw(self, path: Path) -> bool:
        return path.is_relative_to(self._root / RAW)

    @staticmethod
    def _digest(path: Path) -> str | None:
        """Of an output; None where records hold none, or it is not there (which DVC tells)."""
        if path.is_dir():
            return digest_folder(path) if is_artefact(path) else None
        try:
            return digest_result(json.loads(path.read_bytes()))
        except (FileNotFoundError, ValueError):  # no JSON: the table says so
            return None


def _short(digest: Any) -> str:
    return str(digest)[:12]
