"""Kedro's config loader for this project: parameters come from ``params.yaml`` and are checked before anything runs."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from kedro.config import OmegaConfigLoader
from pydantic import ValidationError

from ldm_pipelines.compute import Compute
from ldm_pipelines.config.compose import read_mapping, read_params
from ldm_pipelines.config.problems import explain
from ldm_pipelines.config.study import REFERENCES, read_study
from ldm_pipelines.errors import InputError, near_miss
from ldm_pipelines.evaluation.outside_spec import Outside

COMPUTE_FILE = "compute.yml"
WEIGHTS_DIR = "LDM_WEIGHTS_DIR"
"""Environment variable: a folder of published weights; goes before ``weights_dir`` of ``compute.yml``."""


class StudyConfigLoader(OmegaConfigLoader):
    """``parameters`` are ``params.yaml`` with ``--params`` on top, and ``compute`` from ``conf/*/compute.yml``.

    Everything else (catalog, logging) is read as Kedro always does.
    """

    def __getitem__(self, key: str) -> dict[str, Any]:
        if key == "parameters":
            return self._parameters()
        return super().__getitem__(key)

    def _parameters(self) -> dict[str, Any]:
        project = Path(self.conf_source).resolve().parent
        parameters = read_params(project)
        changes = dict(self.runtime_params or {})
        compute = self.compute(changes.pop("compute", {}))
        outside = read_outside(changes.pop("evaluate", {}), project)
        _refuse_references(changes)
        study = read_study(_override(parameters, changes), "--params" if changes else "params.yaml")
        return {
            **study.model_dump(mode="json"),
            "compute": compute.model_dump(mode="json"),
            "evaluate": outside.model_dump(mode="json"),
        }

    def compute(self, changes: Any = MappingProxyType({})) -> Compute:
        """The machine's facts: of a key that several places have, the last one's holds; ``changes`` is that.

        Raises:
            InputError: a line per problem, each with its place and key.
        """
        if not isinstance(changes, Mapping):
            raise InputError("--params compute: give its parts, for example compute.device=cpu")
        conf = Path(self.conf_source).resolve()
        files = [conf / str(name) / COMPUTE_FILE for name in (self.base_env, self.env or self.default_run_env)]
        places: dict[str, Mapping[Any, Any]] = {f"{file}: ": _machine_facts(file) for file in files if file.exists()}
        if weights_dir := os.environ.get(WEIGHTS_DIR):
            places[f"{WEIGHTS_DIR}: "] = {"weights_dir": str(Path(weights_dir).expanduser().resolve())}
        places["--params compute."] = changes
        place_of = {key: place for place, facts in places.items() for key in facts}
        try:
            found = Compute.model_validate({key: places[place][key] for key, place in place_of.items()})
        except ValidationError as error:
            named = zip(error.errors(), explain(Compute, error), strict=True)
            problems = [place_of.get(str(problem["loc"][0]), f"{COMPUTE_FILE}: ") + line for problem, line in named]
            raise InputError("\n".join(problems)) from None
        return found.under(conf.parent)


def compute_of(project: Path) -> Compute:
    """The machine's facts in ``conf/base`` and ``conf/local``. Raises ``InputError``."""
    return StudyConfigLoader(str(project / "conf"), base_env="base", default_run_env="local").compute()


def _machine_facts(file: Path) -> dict[str, Any]:
    facts = read_mapping(file)
    for key, value in facts.items():
        if "${" in str(value):
            raise InputError(f"{file}: {key}: {value!r} is not filled in here; write what it stands for")
    return facts


def read_outside(values: Any, project: Path) -> Outside:
    """Check what ``--params=evaluate.…`` asks for; paths are taken from the project's folder."""
    if not isinstance(values, Mapping):
        raise InputError("--params evaluate: give its parts, for example evaluate.images=samples.zip")
    try:
        outside = Outside.model_validate(values)
    except ValidationError as error:
        problems = "; ".join(f"evaluate.{line}" for line in explain(Outside, error))
        raise InputError(f"--params {problems}") from None
    paths = {name: getattr(outside, name) for name in ("images", "reference", "truth", "output")}
    update: dict[str, Any] = {name: project / path for name, path in paths.items() if path is not None}
    for name in ("network", "distance"):
        value = getattr(outside, name)
        if value and (project / value).is_dir():
            update[name] = str(project / value)
    return outside.model_copy(update=update)


def _override(parameters: Mapping[str, Any], changes: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """``parameters`` with ``changes`` on top; a key that is not there yet is refused."""
    merged = dict(parameters)
    for key, value in changes.items():
        where = f"{path}.{key}" if path else str(key)
        if key not in merged:
            raise InputError(f"--params {where}: no such parameter{near_miss(str(key), map(str, merged))}")
        if isinstance(value, Mapping) and isinstance(merged[key], Mapping):
            merged[key] = _override(merged[key], value, where)
        else:
            merged[key] = value
    return merged


def _refuse_references(changes: Mapping[str, Any]) -> None:
    for path in _leaves(changes):
        kind, field = path[0], path[-1]
        if (len(path) == 3 and field in {*REFERENCES.get(kind, {}), "upstream", "suite"}) or kind in {
            "study",
            "tables",
            "figures",
        }:
            raise InputError(
                f"--params {'.'.join(path)}: references are part of the graph; "
                "change them in conf/hydra and run `kedro compose`"
            )


def _leaves(value: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, item in value.items():
        if isinstance(item, Mapping):
            yield from _leaves(item, (*path, str(key)))
        else:
            yield (*path, str(key))
