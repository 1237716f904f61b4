"""Stored sweeps and throughputs as figures read them."""

import math
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, FiniteFloat

from ldm_pipelines.reporting.results import Facts, Model, Result, read_as

Metrics = dict[str, float | None]


def finite(metrics: Metrics, key: str) -> float | None:
    """A finite number, or None."""
    value = metrics.get(key)
    return value if value is not None and math.isfinite(value) else None


class Point(BaseModel):
    """Metrics at one value of the axis."""

    model_config = ConfigDict(frozen=True)

    value: FiniteFloat
    metrics: Metrics


class Measured(BaseModel):
    """What sweeps and throughputs share: the LDM they are of, and how it was measured."""

    model_config = ConfigDict(frozen=True)

    name: str
    provenance: dict[str, Facts]

    @property
    def ldm(self) -> Facts:
        return self.provenance.get("ldm", {})

    def fact(self, kind: str, key: str) -> Any:
        return self.provenance.get(kind, {}).get(key)


class Sweep(Measured):
    """Quality of one LDM at several training or sampler steps."""

    kind: Literal["sweep"]
    axis: Literal["training_steps", "sampler_steps"]
    points: tuple[Point, ...]


class Throughput(Measured):
    """Speed of one LDM; ``points`` by sampler steps."""

    kind: Literal["throughput"]
    metrics: Metrics
    points: tuple[Point, ...] = ()


Results = Mapping[str, dict[str, Any]]
"""Stored results by ``SUITE/NAME``."""


def read(results: Results, suite: str, name: str, model: type[Model]) -> Model | str:
    """A stored result, or why there is none, in a few words."""
    return read_as(results.get(f"{suite}/{name}", {"missing": "not run"}), model)


def basis(measured: Measured | Result) -> str:
    """On what numbers rest that may be compared: images and network, by name and digest; empty where unknown."""
    reference, network = (measured.provenance.get(kind, {}) for kind in ("reference", "feature_network"))
    parts = [reference.get("dataset"), reference.get("split"), _short(reference), network.get("name"), _short(network)]
    return " ".join(str(part) for part in parts if part)


def images_and_network(provenance: Mapping[str, Facts]) -> str:
    """``345 test images of digits, features of digits_classifier``, as far as known."""
    reference, network = provenance.get("reference", {}), provenance.get("feature_network", {})
    count = reference.get("count")
    images = [f"{count:,}" if isinstance(count, int) else "", reference.get("split"), "images"]
    parts = [" ".join(str(part) for part in images if part) + f" of {reference['dataset']}"] if reference else []
    return ", ".join(parts + ([f"features of {network['name']}"] if "name" in network else []))


def _short(facts: Facts) -> str:
    return str(facts.get("digest") or "")[:8]
