"""Numbers as they were printed, and numbers printed the same way."""

import math
import re
from pathlib import Path
from typing import Any

import yaml

from ldm_pipelines.errors import InputError

DASH = "–"
MOST_DECIMALS = 5
_SUFFIX = {"k": 1e3, "K": 1e3, "M": 1e6, "B": 1e9}
_COUNT = re.compile(r"(\d+(?:\.\d+)?)([kKMB])")


class Printed(float):
    """A number that remembers its digits: ``3.60`` stays ``3.60``."""

    text: str

    def __new__(cls, text: str) -> "Printed":
        number = super().__new__(cls, text.replace("_", ""))
        number.text = text
        return number


class _Loader(yaml.SafeLoader):
    """YAML whose decimal numbers keep their digits and whose mappings have no key twice."""


def _printed(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> float:
    value = str(node.value)
    return Printed(value) if re.fullmatch(r"[-+]?\d+\.\d+", value) else float(loader.construct_yaml_float(node))


def _mapping(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [loader.construct_object(key) for key, _ in node.value]
    repeated = next((key for i, key in enumerate(keys) if key in keys[:i]), None)
    if repeated is not None:
        raise yaml.MarkedYAMLError(problem=f"the key {repeated!r} occurs twice", problem_mark=node.start_mark)
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor("tag:yaml.org,2002:float", _printed)
_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file, its numbers ``Printed``. Raises ``InputError`` naming the file and the line."""
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - a SafeLoader
    except FileNotFoundError as error:
        present = ", ".join(sorted(p.name for p in path.parent.glob("*.yaml"))) or "none"
        raise InputError(f"there is no {path}; files there: {present}") from error
    except (OSError, UnicodeError, yaml.YAMLError) as error:
        raise InputError(f"{path} cannot be read as YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} must hold keys and values, not {type(content).__name__}")
    return content


def show(value: Any) -> str:
    """A published value: its own digits; a dash for none; a range for a pair."""
    if value is None:
        return DASH
    if isinstance(value, list):
        return "–".join(show(v) for v in value)
    return value.text if isinstance(value, Printed) else str(value)


def number(value: Any) -> float | None:
    """What a published value is worth: ``"1.45B"`` is 1.45e9; None for text, ranges and gaps."""
    if isinstance(value, str):
        match = _COUNT.fullmatch(value)
        return float(match[1]) * _SUFFIX[match[2]] if match else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def is_cell(value: Any) -> bool:
    """Whether a value has a form in which numbers are printed: a number, none, a count with a suffix, a range."""
    if isinstance(value, list):
        return len(value) == 2 and all(is_number(end) for end in value)
    return value is None or is_number(value) or counted([value])


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def decimals(values: list[Any]) -> int | None:
    """The most decimal places among published values; None where none has any."""
    places = [len(v.text.partition(".")[2]) for v in values if isinstance(v, Printed)]
    return max(places, default=None)


def counted(values: list[Any]) -> bool:
    """Whether the published values are counts with a suffix, such as ``400M``."""
    return any(isinstance(v, str) and _COUNT.fullmatch(v) for v in values)


def show_like(value: float, std: float | None, published: list[Any]) -> tuple[str, str]:
    """A value of ours and its deviation ("" for none) with the decimals, or the suffix, of the published values.

    Values below the last published decimal get the places that two digits need.
    """
    if counted(published):
        return show_count(value), ""
    places = decimals(published)
    if places is None:
        return f"{value:.6g}", "" if std is None else f"{std:.2g}"
    if value:
        places = max(places, min(1 - math.floor(math.log10(abs(value))), MOST_DECIMALS))
    return f"{value:.{places}f}", "" if std is None else f"{std:.{places}f}"


def show_count(value: float) -> str:
    """Three digits and a suffix: ``812k``, ``1.45B``."""
    for suffix, unit in (("B", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= 0.9995 * unit:
            digits = value / unit
            places = max(0, 2 - math.floor(math.log10(max(digits, 1))))
            return f"{digits:.{places}f}{suffix}"
    return f"{value:g}"
