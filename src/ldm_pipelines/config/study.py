"""The whole of ``params.yaml`` as one checked object: entities by name, and their references."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from ldm_pipelines.analysis.spec import Sweep, Throughput
from ldm_pipelines.autoencoders.spec import Autoencoder
from ldm_pipelines.config.analysis_checks import analysis_problems
from ldm_pipelines.config.network_checks import network_problems
from ldm_pipelines.config.problems import explain
from ldm_pipelines.config.result_checks import ROW_SOURCES, figure_problems, table_problems
from ldm_pipelines.config.sampling_checks import samples_problems
from ldm_pipelines.config.upstream_checks import upstream_problems
from ldm_pipelines.config.user_studies import user_study_problems
from ldm_pipelines.diffusion.latent_classifier_spec import LatentClassifier
from ldm_pipelines.diffusion.spec import LDM
from ldm_pipelines.errors import InputError, near_miss
from ldm_pipelines.evaluation.networks.spec import Published
from ldm_pipelines.evaluation.spec import Evaluation, Reconstruction, Reference
from ldm_pipelines.feature_networks.spec import FeatureNetwork
from ldm_pipelines.interop.spec import Import, ImportedAutoencoder
from ldm_pipelines.latents.spec import Latents
from ldm_pipelines.preparation.spec import Dataset
from ldm_pipelines.reporting.figures.spec import Figure
from ldm_pipelines.reporting.tables.spec import AnyTable
from ldm_pipelines.sampling.spec import RESTORED, Baseline, Samples
from ldm_pipelines.spec import Entity, NonNegativeInt, Spec
from ldm_pipelines.user_study.spec import UserStudy

Kind = Literal[
    "datasets", "feature_networks", "autoencoders", "latents", "ldms", "latent_classifiers", "imports",
    "imported_autoencoders", "samples", "baselines", "references", "evaluations", "reconstructions", "sweeps",
    "throughputs", "user_studies", "tables", "figures",
]  # fmt: skip

FIRST_STAGES: tuple[Kind, ...] = ("autoencoders", "imported_autoencoders", "imports")
REFERENCES: dict[str, dict[str, tuple[Kind, ...]]] = {
    "feature_networks": {"dataset": ("datasets",)},
    "autoencoders": {"dataset": ("datasets",), "feature_network": ("feature_networks",)},
    "latents": {"dataset": ("datasets",), "autoencoder": FIRST_STAGES},
    "ldms": {"latent": ("latents",), "dataset": ("datasets",), "autoencoder": FIRST_STAGES},
    "latent_classifiers": {"latent": ("latents",)},
    "imports": {"dataset": ("datasets",)},
    "samples": {"ldm": ("ldms", "imports"), "autoencoder": FIRST_STAGES, "dataset": ("datasets",)},
    "baselines": {"dataset": ("datasets",), "ldm": ("ldms",)},
    "references": {"dataset": ("datasets",), "feature_network": ("feature_networks",)},
    "evaluations": {
        "samples": ("samples", "baselines"), "reference": ("references",), "dataset": ("datasets",),
        "feature_network": ("feature_networks",), "perceptual_network": ("feature_networks",),
    },
    "reconstructions": {
        "autoencoder": FIRST_STAGES, "dataset": ("datasets",),
        "feature_network": ("feature_networks",), "perceptual_network": ("feature_networks",),
    },
    "sweeps": {
        "ldm": ("ldms",), "autoencoder": FIRST_STAGES, "dataset": ("datasets",), "reference": ("references",),
        "feature_network": ("feature_networks",), "perceptual_network": ("feature_networks",),
    },
    "throughputs": {
        "ldm": ("ldms",), "latent": ("latents",), "autoencoder": FIRST_STAGES, "dataset": ("datasets",),
    },
    "user_studies": {"samples": ("samples",), "rival": ("samples", "baselines"), "dataset": ("datasets",)},
}  # fmt: skip
"""Which fields of an entity name another entity. They are part of the graph, so ``--params`` can't change them."""

UNANNOTATED = ("digits", "photos", "faces", "lsun", "imagenet", "places365")
"""Kinds of source that have neither captions nor boxes nor maps."""
CONDITIONS_FROM_ANYWHERE = ("text", "low_res", "inpainting")
"""Conditions that need no class list, so samples may take them from another dataset than the model's (Table 2)."""


AnyNetwork = Annotated[FeatureNetwork | Published, Field(discriminator="kind")]
"""Published networks only measure; the others can also train first stages."""


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
    feature_networks: dict[str, AnyNetwork] = {}
    autoencoders: dict[str, Autoencoder] = {}
    latents: dict[str, Latents] = {}
    ldms: dict[str, LDM] = {}
    latent_classifiers: dict[str, LatentClassifier] = {}
    imports: dict[str, Import] = {}
    imported_autoencoders: dict[str, ImportedAutoencoder] = {}
    samples: dict[str, Samples] = {}
    baselines: dict[str, Baseline] = {}
    references: dict[str, Reference] = {}
    evaluations: dict[str, Evaluation] = {}
    reconstructions: dict[str, Reconstruction] = {}
    sweeps: dict[str, Sweep] = {}
    throughputs: dict[str, Throughput] = {}
    user_studies: dict[str, UserStudy] = {}
    tables: dict[str, AnyTable] = {}
    figures: dict[str, Figure] = {}

    def entities(self, kind: str) -> dict[str, Entity]:
        """The entities of one kind by name."""
        found: dict[str, Entity] = getattr(self, kind)
        return found

    def results(self) -> dict[str, Evaluation | Reconstruction | UserStudy]:
        """What can stand in a table's row, by name. A user study has two results, and the rival's has its own name."""
        rivals = {study.rival_result: study for study in self.user_studies.values()}
        return {**self.evaluations, **self.reconstructions, **self.user_studies, **rivals}

    def suites(self, source: str) -> dict[str, str]:
        """Where the results lie that a row's field (``result``, ``throughput``, ``preference``) can name, by name."""
        kinds = ROW_SOURCES[source]
        found = {name: getattr(entity, "suite", "") for kind in kinds for name, entity in self.entities(kind).items()}
        if source == "preference":
            found |= {study.rival_result: study.suite for study in self.user_studies.values()}
        return found

    @model_validator(mode="after")
    def _references_exist(self) -> Self:
        problems = [
            *self._dangling(),
            *self._clashes(),
            *self._inconsistent(),
            *self._impossible_conditions(),
            *samples_problems(self),
            *upstream_problems(self),
            *analysis_problems(self),
            *network_problems(self),
            *user_study_problems(self.user_studies, {**self.samples, **self.baselines}, self.ldms),
            *table_problems(self),
            *figure_problems(self),
        ]
        if problems:
            raise ValueError("\n  ".join(problems))
        return self

    def _dangling(self) -> Iterator[str]:
        for kind, fields in REFERENCES.items():
            for name, entity in self.entities(kind).items():
                for field, targets in fields.items():
                    reference = getattr(entity, field, None)
                    known = {name for target in targets for name in self.entities(target)}
                    if reference is not None and reference not in known:
                        hint = near_miss(reference, known)
                        yield f"{kind}.{name}.{field}: no {' or '.join(targets)} named {reference!r}{hint}"
        for field, targets in (("ldm", ("ldms", "imports")), ("table", ("tables",))):
            reference = getattr(self.selected, field)
            known = {name for target in targets for name in self.entities(target)}
            if reference not in known:
                yield f"selected.{field}: no {' or '.join(targets)} named {reference!r}{near_miss(reference, known)}"

    def _clashes(self) -> Iterator[str]:
        """Entities of two kinds whose artefacts would lie in one place."""
        for one, other in (
            ("imports", "ldms"), ("imports", "autoencoders"), ("imported_autoencoders", "autoencoders"),
            ("imported_autoencoders", "imports"), ("baselines", "samples"), ("figures", "tables"),
        ):  # fmt: skip
            for name in sorted(set(self.entities(one)) & set(self.entities(other))):
                yield f"{one}.{name}: there is an entity of {other} with this name; give it another"

    def _inconsistent(self) -> Iterator[str]:
        """References that are derived from others must say the same."""
        for name, ldm in self.ldms.items():
            yield from self._not_as_cached(f"ldms.{name}", ldm, ldm.latent)
        for name, samples in self.samples.items():
            if samples.ldm in self.ldms:
                ldm = self.ldms[samples.ldm]
                elsewhere = ldm.conditioning.kind in CONDITIONS_FROM_ANYWHERE
                yield from self._not_as_cached(f"samples.{name}", samples, ldm.latent, elsewhere)
        for name, autoencoder in self.autoencoders.items():
            network = self.feature_networks.get(autoencoder.feature_network or "")
            if isinstance(network, Published):
                yield f"autoencoders.{name}.feature_network: {network.kind} only measures; name a trained one or lpips"
        for name, evaluation in self.evaluations.items():
            reference = self.references.get(evaluation.reference)
            for field in ("dataset", "split", "feature_network"):
                if reference and getattr(reference, field) != getattr(evaluation, field):
                    yield (
                        f"evaluations.{name}.{field} must be {getattr(reference, field)!r}, that of the reference "
                        f"{evaluation.reference!r}"
                    )
        for name, baseline in self.baselines.items():
            if baseline.ldm in self.ldms:
                kind = self.ldms[baseline.ldm].conditioning.kind
                wanted = RESTORED[baseline.kind]
                if kind != wanted:
                    yield f"baselines.{name}: {baseline.kind} needs a model of {wanted}, {baseline.ldm!r} is of {kind}"

    def _not_as_cached(self, where: str, entity: LDM | Samples, latent: str, elsewhere: bool = False) -> Iterator[str]:
        latents = self.latents.get(latent)
        for field in ("autoencoder",) if elsewhere else ("dataset", "autoencoder"):
            if latents and getattr(latents, field) != getattr(entity, field):
                yield f"{where}.{field} must be {getattr(latents, field)!r}, that of the latents {latent!r}"

    def _impossible_conditions(self) -> Iterator[str]:
        """Conditions that the source lacks, or that do not fit the first stage: known before anything is trained."""
        for name, ldm in self.ldms.items():
            conditioning, dataset = ldm.conditioning, self.datasets.get(ldm.dataset)
            annotated = conditioning.kind in ("text", "layout", "semantic")
            if dataset and annotated and dataset.source.kind in UNANNOTATED:
                yield f"ldms.{name}: a source of kind {dataset.source.kind!r} has no {conditioning.kind} conditions"
            autoencoder = self.autoencoders.get(ldm.autoencoder)
            if autoencoder is None:
                continue
            factor = autoencoder.architecture.factor if autoencoder.architecture else 1
            if conditioning.kind == "semantic" and 2**conditioning.stages != factor:
                yield (
                    f"ldms.{name}.conditioning.stages = {conditioning.stages} shrinks maps by "
                    f"{2**conditioning.stages}, the first stage {autoencoder.name!r} images by {factor}"
                )
            if conditioning.kind == "low_res" and conditioning.degradation.factor % factor:
                yield (
                    f"ldms.{name}.conditioning.degradation.factor = {conditioning.degradation.factor} is no multiple "
                    f"of {factor}, by which the first stage {autoencoder.name!r} shrinks"
                )


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
        raise InputError(f"{origin}:\n" + "\n".join(f"  {line}" for line in explain(Study, error))) from None


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
