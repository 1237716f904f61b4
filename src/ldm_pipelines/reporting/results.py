"""Measured results as tables read them."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Facts = dict[str, Any]
Interval = tuple[float, float]
Model = TypeVar("Model", bound=BaseModel)
REPORTING_FOLDER = "data/08_reporting"
METRICS_FOLDER = f"{REPORTING_FOLDER}/metrics"
MALFORMED = "malformed result"
"""How the reason begins of what is there and cannot be read."""


class Kind(NamedTuple):
    """What belongs to a kind of result."""

    section: str
    """Where its entity stands in ``params.yaml``."""
    stage: str
    """The stage that measures it."""
    subject: str
    """Which part of its provenance says what was measured."""
    word: str


KINDS = {
    "samples": Kind("evaluations", "evaluate_samples", "samples", "Samples"),
    "reconstruction": Kind("reconstructions", "evaluate_reconstruction", "autoencoder", "Autoencoder"),
    "throughput": Kind("throughputs", "measure_throughput", "ldm", "Throughput of"),
    "preference": Kind("user_studies", "read_user_study", "study", "User study"),
}


class Result(BaseModel):
    """One stored measurement. ``metrics`` may hold null for what does not apply, or was not answered."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["samples", "reconstruction", "throughput", "preference"]
    name: str
    metrics: dict[str, float | None]
    details: Facts = Field(default_factory=dict)
    provenance: dict[str, Any]

    @property
    def subject(self) -> Facts:
        """Facts about what was measured: the sample set, the autoencoder, the model."""
        return self._facts(KINDS[self.kind].subject)

    @property
    def reference(self) -> Facts:
        return self._facts("reference")

    @property
    def feature_network(self) -> Facts:
        return self._facts("feature_network")

    @property
    def device(self) -> Facts:
        return self._facts("device")

    def interval(self, metric: str) -> Interval | None:
        """The stored 95 % interval of a metric."""
        ends = tuple(self.metrics.get(f"{metric}_{end}") for end in ("low", "high"))
        low, high = (self.details.get("intervals") or {}).get(metric) or ends
        return None if low is None or high is None else (low, high)

    def masked(self, bounds: tuple[float, float]) -> Facts:
        """Metrics of the images of which this part is masked; empty where they were not told apart."""
        parts = self.details.get("by_masked_part") or []
        return next((part for part in parts if (part.get("from"), part.get("to")) == bounds), {})

    def _facts(self, key: str) -> Facts:
        facts = self.provenance.get(key)
        return facts if isinstance(facts, dict) else {}


@dataclass(frozen=True)
class Stored:
    """A result, or why there is none, and where it lies below ``METRICS_FOLDER``."""

    path: str
    result: Result | None
    why: str = ""
    """In a few words; empty where there is a result."""

    @property
    def file(self) -> str:
        return f"{METRICS_FOLDER}/{self.path}.json"

    @property
    def problem(self) -> str:
        """What is wrong with the file; empty where nothing is, or where there is none."""
        return malformed(self.file, self.why)

    @property
    def record(self) -> str:
        """Name of the provenance record, without ``.json``; empty where there is no result."""
        return f"{KINDS[self.result.kind].stage}.{self.result.name}" if self.result else ""

    @property
    def entity(self) -> str:
        """Key in ``params.yaml``; empty where there is no result."""
        return f"{KINDS[self.result.kind].section}.{self.result.name}" if self.result else ""


def read_results(contents: Mapping[str, Mapping[str, Any]]) -> dict[tuple[str, str], Stored]:
    """Stored results by kind and name, from contents by ``KIND/SUITE/NAME`` (kind: a field of a row)."""
    found = {}
    for key, content in contents.items():
        kind, _, path = key.partition("/")
        result = read_as(content, Result)
        stored = Stored(path, None, result) if isinstance(result, str) else Stored(path, result)
        found[kind, path.rpartition("/")[2]] = stored
    return found


def load_result(file: Path) -> dict[str, Any]:
    """The JSON object in a file, or ``{"missing": why}``, in a few words, where there is none."""
    if not file.exists():
        return {"missing": "not run"}
    try:
        content = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        return {"missing": f"{MALFORMED} (the file is not JSON: {error})"}
    return content if isinstance(content, dict) else {"missing": f"{MALFORMED} (the file holds no JSON object)"}


def read_as(content: Mapping[str, Any], model: type[Model]) -> Model | str:
    """A stored result as a ``model``, or why it is none, in a few words."""
    if "missing" in content:
        return str(content["missing"])
    try:
        return model.model_validate(content)
    except ValidationError as error:
        problem = error.errors()[0]
        return f"{MALFORMED} ({'.'.join(map(str, problem['loc'])) or 'root'}: {problem['msg']})"


def malformed(file: str, why: str) -> str:
    """What is wrong with a file, for who can mend it; empty where it is only not there."""
    return f"{file}: {why}" if why.startswith(MALFORMED) else ""


def overlap(a: Interval | None, b: Interval | None) -> bool:
    """Whether two intervals leave open which of their values is larger; without them nothing does."""
    return a is not None and b is not None and a[0] <= b[1] and b[0] <= a[1]


def as_number(value: Any, key: str) -> float | str | None:
    """A stored value as a number; None where there is none; text saying what is wrong with it."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"{key} is not a number"
    return float(value) if math.isfinite(value) else f"{key} is not finite"
