"""Reading a group of options strictly: what is asked for, what may be ignored, and nothing else."""

from collections.abc import Mapping
from typing import Any

from ldm_pipelines.errors import InputError, near_miss


class Options:
    """One mapping of an original configuration file; ``where`` is its path for messages."""

    def __init__(self, values: object, where: str) -> None:
        if not isinstance(values, Mapping):
            raise InputError(f"{where}: expected a group of options, not {values!r}")
        self._values: dict[str, Any] = {str(key): value for key, value in values.items()}
        self._seen: set[str] = set()
        self.where = where

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def required(self, key: str) -> Any:
        """The value of ``key``. Raises ``InputError`` without it."""
        if key not in self._values:
            raise InputError(f"{self.where}.{key}: missing{near_miss(key, self._values)}")
        return self.get(key)

    def get(self, key: str, default: Any = None) -> Any:
        """The value of ``key``, or the original code's default."""
        self._seen.add(key)
        value = self._values.get(key, default)
        if isinstance(value, str) and "${" in value:
            raise InputError(f"{self.where}.{key}: {value!r} refers to another value; write the value itself")
        return value

    def group(self, key: str) -> "Options":
        """The options under ``key``."""
        return Options(self.required(key), f"{self.where}.{key}")

    def only(self, key: str, *allowed: Any) -> None:
        """``key`` may be absent or have one of the ``allowed`` values. Raises ``InputError`` for others."""
        value = self.get(key, allowed[0])
        if value not in allowed:
            expected = " or ".join(map(repr, allowed))
            raise InputError(f"{self.where}.{key} is {value!r}; only {expected} can be imported")

    def ignore(self, *keys: str) -> None:
        """Options that say nothing about the network."""
        self._seen.update(keys)

    def finish(self) -> None:
        """Raises ``InputError`` for options that nobody asked for: they might change the network."""
        unknown = [key for key in self._values if key not in self._seen]
        if unknown:
            raise InputError(
                f"{self.where}: {', '.join(unknown)}: unknown to the importer{near_miss(unknown[0], self._seen)}"
            )


def target(options: Options) -> str:
    """The class an original group instantiates, without its modules."""
    return str(options.required("target")).rpartition(".")[2]
