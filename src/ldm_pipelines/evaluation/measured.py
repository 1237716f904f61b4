"""Metrics together with what the protocol says of them."""

from dataclasses import dataclass, field
from typing import Any

from ldm_pipelines.errors import InputError
from ldm_pipelines.evaluation.metrics.bootstrap import Interval

INTERVALS = "intervals"
"""Key of intervals by metric in ``details``, and of what they are about in ``protocol``."""


@dataclass(frozen=True)
class Measured:
    """Metrics by name, and how they came about, or why there are none."""

    metrics: dict[str, float] = field(default_factory=dict)
    protocol: dict[str, Any] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
    """What is more than one number: intervals, curves, figures by class."""

    def __or__(self, other: "Measured") -> "Measured":
        """Both together; intervals of both, and what is said of them, are kept."""
        return Measured(
            self.metrics | other.metrics, _joined(self.protocol, other.protocol), _joined(self.details, other.details)
        )


def _joined(some: dict[str, Any], others: dict[str, Any]) -> dict[str, Any]:
    found = some.get(INTERVALS, {}) | others.get(INTERVALS, {})
    return some | others | ({INTERVALS: found} if found else {})


def intervals(found: dict[str, Interval]) -> dict[str, dict[str, list[float]]]:
    """95 % intervals [low, high] by metric, as ``details``."""
    return {INTERVALS: {name: [interval.low, interval.high] for name, interval in found.items()}}


def check_size(what: str, count: int, *needed: int) -> None:
    """Raises ``InputError`` where ``count`` images are fewer than a metric needs."""
    if count < max(needed):
        raise InputError(f"{what} has {count} images, the metrics need {max(needed)} or more")
