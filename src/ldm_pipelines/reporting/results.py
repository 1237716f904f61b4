"""Measured results as tables read them."""

import math
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

Facts = dict[str, Any]


class Result(BaseModel):
    """One stored evaluation. ``metrics`` may hold null for what does not apply."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["samples", "reconstruction"]
    name: str
    metrics: dict[str, float | None]
    provenance: dict[str, Facts]

    @property
    def subject(self) -> Facts:
        """Facts about what was measured: the sample set or the autoencoder."""
        return self.provenance.get("samples" if self.kind == "samples" else "autoencoder", {})

    @property
    def reference(self) -> Facts:
        return self.provenance.get("reference", {})

    @property
    def feature_network(self) -> Facts:
        return self.provenance.get("feature_network", {})


def read_result(results: dict[str, dict[str, Any]], name: str) -> Result | str:
    """The result called ``name``, or why there is none, in a few words."""
    if name not in results:
        return "no result (it is not among the stored results)"
    if "missing" in results[name]:
        return str(results[name]["missing"])
    try:
        return Result.model_validate(results[name])
    except ValidationError as error:
        problem = error.errors()[0]
        return f"malformed result ({'.'.join(map(str, problem['loc'])) or 'root'}: {problem['msg']})"


def look_up(result: Result, key: str) -> float | str | None:
    """A metric, or a fact of the measured thing; None where it does not apply, text saying why it is missing."""
    for source in (result.metrics, result.subject):
        if key in source:
            value = source[key]
            if value is None:
                return None
            if isinstance(value, bool) or not isinstance(value, int | float):
                return f"{key} is not a number"
            return float(value) if math.isfinite(value) else "not finite"
    return "not measured"
