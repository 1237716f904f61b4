"""Files of ``conf/paper`` as documents, or one error that names file and key."""

from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from ldm_pipelines.errors import InputError, near_miss
from ldm_pipelines.reporting.paper.documents import (
    Figures,
    HyperparameterTable,
    LayerTable,
    PaperTable,
    RepositoryZoo,
    Sources,
)
from ldm_pipelines.reporting.paper.printed import read_yaml


def load_document(path: Path) -> PaperTable | HyperparameterTable | LayerTable:
    """Any ``table_NN.yaml``. Raises ``InputError`` naming file and key."""
    raw = read_yaml(path)
    rows = raw.get("rows")
    if isinstance(rows, dict):
        return _validate(HyperparameterTable, raw, path)
    layers = isinstance(rows, list) and any(isinstance(row, dict) and "layer" in row for row in rows)
    return _validate(LayerTable, raw, path) if layers else _validate(PaperTable, raw, path)


def load_figures(path: Path) -> Figures:
    return _validate(Figures, read_yaml(path), path)


def load_sources(path: Path) -> Sources:
    return _validate(Sources, read_yaml(path), path)


def load_zoo(path: Path) -> RepositoryZoo:
    return _validate(RepositoryZoo, read_yaml(path), path)


Model = TypeVar("Model", bound=BaseModel)


def _validate(model: type[Model], raw: dict[str, Any], path: Path) -> Model:
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        # a misspelt key is also a missing one: name the misspelling
        problem = min(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
        place = ".".join(map(str, problem["loc"]))
        if problem["type"] == "extra_forbidden":
            known = near_miss(str(problem["loc"][-1]), _keys(model, problem["loc"][:-1]))
            raise InputError(f"{path}: unknown key {place!r}{known}") from error
        message = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "missing":
            near = get_close_matches(str(problem["loc"][-1]), map(str, problem["input"]), n=1, cutoff=0.8)
            message += f"; is {near[0]!r} meant for it?" if near else ""
        raise InputError(f"{path}: {f'{place}: ' if place else ''}{message}") from error


def _keys(model: type[BaseModel], place: tuple[int | str, ...]) -> set[str]:
    """Keys that a document may have at a place within it."""
    found = model
    for part in place:
        if part in found.model_fields:  # else a name in a mapping, or a number in a list, of such parts
            annotation = found.model_fields[str(part)].annotation
            kinds = (annotation, *get_args(annotation))
            found = next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), found)
    return set(found.model_fields)
