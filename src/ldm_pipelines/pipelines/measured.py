"""What a stage that measures something gives."""

from typing import Any, NamedTuple, Self

Result = dict[str, Any]


class Measured(NamedTuple):
    """A result, and its metrics alone: flat, so that DVC's commands call them what MLflow and the tables do."""

    result: Result
    scores: dict[str, float | None]

    @classmethod
    def of(cls, result: Result) -> Self:
        return cls(result, result["metrics"])
