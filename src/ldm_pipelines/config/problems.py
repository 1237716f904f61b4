"""Pydantic's problems in our words: where, what, and the near miss."""

from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from ldm_pipelines.errors import near_miss


def explain(model: type[BaseModel], error: ValidationError) -> list[str]:
    """A line per problem of validating ``model``."""
    return [_explain(model, dict(problem)) for problem in error.errors()]


def _explain(model: type[BaseModel], problem: dict[str, Any]) -> str:
    known, path = _walk(model, problem["loc"])
    where = ".".join(path)
    if problem["type"] == "extra_forbidden":
        return f"{where}: unknown key{near_miss(path[-1], known)}"
    if problem["type"] == "value_error":
        text = str(problem["ctx"]["error"])
        return f"{where}: {text}" if where else text
    return f"{where}: {problem['msg']}" + ("" if problem["type"] == "missing" else f", not {problem['input']!r}")


def _walk(model: type[BaseModel], location: tuple[str | int, ...]) -> tuple[set[str], list[str]]:
    """The keys allowed where ``location`` ends, and the location without pydantic's union tags."""
    here: Any = model
    known: set[str] = set()
    path: list[str] = []
    for part in location:
        choices = list(_choices(here))
        if len(choices) > 1:
            chosen = [choice for choice in choices if part in _tags(choice)]
            if chosen:
                here = chosen[0]
                continue
        here = choices[0]
        origin, arguments = get_origin(here), get_args(here)
        if origin is dict:
            here = arguments[1]
        elif origin is tuple:
            here = arguments[0]
        elif isinstance(here, type) and issubclass(here, BaseModel):
            known = set(here.model_fields) - {"name"}
            here = here.model_fields[part].annotation if part in here.model_fields else None
        path.append(str(part))
    return known, path


def _choices(hint: Any) -> Iterator[Any]:
    """The types that a hint allows, None left out; unions may be nested."""
    if get_origin(hint) is Annotated:
        yield from _choices(get_args(hint)[0])
    elif get_origin(hint) in {Union, UnionType}:
        for argument in get_args(hint):
            if argument is not type(None):
                yield from _choices(argument)
    else:
        yield hint


def _tags(model: Any) -> tuple[Any, ...]:
    """The values that a model's ``kind`` may have."""
    field = getattr(model, "model_fields", {}).get("kind")
    return get_args(field.annotation) if field else ()
