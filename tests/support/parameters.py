"""Composed parameters with one value changed."""

from copy import deepcopy
from typing import Any


def set_at(parameters: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy with ``value`` at the dotted ``path``."""
    changed = deepcopy(parameters)
    here = changed
    *parents, last = path.split(".")
    for part in parents:
        here = here[part]
    here[last] = value
    return changed
