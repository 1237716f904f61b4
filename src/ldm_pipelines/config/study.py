"""The whole of ``params.yaml`` as one checked object: entities by name, and their references."""

from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, Literal, Self, Union, get_args, get_origin

from pydantic import ValidationError, model_validator

from ldm_pipelines.autoencoders.spec import Autoencoder
from ldm_pipelines.data.spec import Dataset
from ldm_pipelines.diffusion.ddim_steps import check_ddim_steps
from ldm_pipelines.diffusion.spec import LDM, Samples
from ldm_pipelines.errors import InputError, near_miss
from ldm_pipelines.evaluation.spec import Evaluation, Reconstruction
from ldm_pipelines.feature_networks.spec import FeatureNetwork
from ldm_pipelines.latents.spec import Latents
from ldm_pipelines.reporting.spec import Table
from ldm_pipelines.spec import Entity, NonNegativeInt, Spec

Kind = Literal[
    "datasets", "feature_networks", "autoencoders", "latents", "ldms", "samples", "evaluations", "reconstructions",
    "tables",
]  # fmt: skip

REFERENCES: dict[str, dict[str, Kind]] = {
    "feature_networks": {"dataset": "datasets"},
    "autoencoders": {"dataset": "datasets", "feature_network": "feature_networks"},
    "latents": {"dataset": "datasets", "autoencoder": "autoencoders"},
    "ldms": {"latent": "latents"},
    "samples": {"ldm": "ldms", "autoencoder": "autoencoders"},
    "evaluations": {"samples": "samples", "dataset": "datasets", "feature_network": "feature_networks"},
    "reconstructions": {"autoencoder": "autoencoders", "dataset": "datasets", "feature_network": "feature_networks"},
}
"""Which fields of an entity name another entity. They are part of the graph, so ``--params`` can't change them."""


class Selected(Spec):
    """What a bare ``kedro run`` means."""

    ldm: str
    table: str


class Study(Spec):
    """A named set of entities."""

    study: str
    seed: NonNegativeInt
    selected: Selected
    datasets: dict[str, Dataset] = {}
    feature_networks: dict[str, FeatureNetwork] = {}
    autoencoders: dict[str, Autoencoder] = {}
    latents: dict[str, Latents] = {}
    ldms: dict[str, LDM] = {}
    samples: dict[str, Samples] = {}
    evaluations: dict[str, Evaluation] = {}
    reconstructions: dict[str, Reconstruction] = {}
    tables: dict[str, Table] = {}

    def entities(self, kind: str) -> dict[str, Entity]:
        """The entities of one kind by name."""
        found: dict[str, Entity] = getattr(self, kind)
        return found

    def results(self) -> dict[str, Evaluation | Reconstruction]:
        """What can stand in a table's row, by name."""
        return {**self.evaluations, **self.reconstructions}

    @model_validator(mode="after")
    def _references_exist(self) -> Self:
        problems = [
            *self._dangling(),
            *self._inconsistent(),
            *self._impossible_samplers(),
            *self._table_problems(),
        ]
        if problems:
            raise ValueError("\n  ".join(problems))
        return self

    def _dangling(self) -> Iterator[str]:
        for kind, fields in REFERENCES.items():
            for name, entity in self.entities(kind).items():
                for field, target in fields.items():
                    reference = getattr(entity, field, None)
                    known = self.entities(target)
                    if reference is not None and reference not in known:
                        yield f"{kind}.{name}.{field}: no {target} named {reference!r}{near_miss(reference, known)}"
        for field, target in (("ldm", "ldms"), ("table", "tables")):
            reference = getattr(self.selected, field)
            known = self.entities(target)
            if reference not in known:
                yield f"selected.{field}: no {target} named {reference!r}{near_miss(reference, known)}"

    def _inconsistent(self) -> Iterator[str]:
        """References that are derived from others must say the same."""
        for name, samples in self.samples.items():
            latents = self.latents.get(self.ldms[samples.ldm].latent) if samples.ldm in self.ldms else None
            if latents and latents.autoencoder != samples.autoencoder:
                yield f"samples.{name}.autoencoder must be {latents.autoencoder!r}, the first stage of its model"

    def _impossible_samplers(self) -> Iterator[str]:
        for name, samples in self.samples.items():
            if samples.ldm in self.ldms:
                try:
                    check_ddim_steps(samples.sampler.steps, self.ldms[samples.ldm].schedule.timesteps)
                except InputError as error:
                    yield f"samples.{name}.{error}"

    def _table_problems(self) -> Iterator[str]:
        for name in set(self.evaluations) & set(self.reconstructions):
            yield f"evaluations.{name}: there is a reconstruction of the same name; results need names of their own"
        results = self.results()
        for name, table in self.tables.items():
            for number, row in enumerate(table.rows):
                where = f"tables.{name}.rows[{number}].result"
                if row.result not in results:
                    hint = near_miss(row.result, results)
                    yield f"{where}: no evaluation or reconstruction named {row.result!r}{hint}"
                    continue
                suite = results[row.result].suite
                if not f"{suite}/".startswith(f"{table.suite}/"):
                    yield f"{where}: {row.result!r} is in suite {suite!r}, not below {table.suite!r}"


def read_study(parameters: Mapping[str, Any], origin: str) -> Study:
    """Check composed parameters; every entity learns its name from its key.

    Raises:
        InputError: one line per problem, each with the key and, for unknown keys, the near miss.
    """
    missing = list(_unset(parameters))
    if missing:
        raise InputError(f"{origin}: no value for {', '.join(missing)} (still '???')")
    named = {key: _with_names(value) if key in Study.model_fields else value for key, value in parameters.items()}
    try:
        return Study.model_validate(named)
    except ValidationError as error:
        lines = [_explain(dict(problem)) for problem in error.errors()]
        raise InputError(f"{origin}:\n" + "\n".join(f"  {line}" for line in lines)) from None


def _with_names(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return {k: {**v, "name": k} if isinstance(v, Mapping) else v for k, v in value.items()}


def _unset(value: Any, path: str = "") -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _unset(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _unset(item, f"{path}[{number}]")
    elif value == "???":
        yield path


def _explain(problem: dict[str, Any]) -> str:
    """One pydantic problem in our words."""
    known, path = _walk(problem["loc"])
    where = ".".join(path)
    if problem["type"] == "extra_forbidden":
        return f"{where}: unknown key{near_miss(path[-1], known)}"
    if problem["type"] == "value_error":
        text = str(problem["ctx"]["error"])
        return f"{where}: {text}" if where else text
    return f"{where}: {problem['msg']}" + ("" if problem["type"] == "missing" else f", not {problem['input']!r}")


def _walk(location: tuple[str | int, ...]) -> tuple[set[str], list[str]]:
    """The keys allowed where ``location`` ends, and the location without pydantic's union tags."""
    here: Any = Study
    known: set[str] = set()
    path: list[str] = []
    for part in location:
        while get_origin(here) is Annotated:
            here = get_args(here)[0]
        origin, arguments = get_origin(here), get_args(here)
        if origin in {Union, UnionType}:
            chosen = [a for a in arguments if _tag(a) == part]
            if chosen:
                here = chosen[0]
                continue
            here = next(a for a in arguments if a is not type(None))
        elif origin is dict:
            here = arguments[1]
        elif origin is tuple:
            here = arguments[0]
        elif isinstance(here, type) and issubclass(here, Spec):
            known = set(here.model_fields) - {"name"}
            here = here.model_fields[part].annotation if part in here.model_fields else None
        path.append(str(part))
    return known, path


def _tag(model: Any) -> object:
    """The value of a model's ``kind``."""
    field = getattr(model, "model_fields", {}).get("kind")
    return get_args(field.annotation)[0] if field else None
