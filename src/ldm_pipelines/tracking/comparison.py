"""What people compare runs by: a few parameters, under the same flat names at every stage.

An evaluation measures samples, which a model drew, which was trained on latents: its FID is read beside the learning
rate and the guidance scale. So a run also bears the parameters of the run that made what it works on, found in the
store by the digest of that artefact. An artefact that no run of this store made (pulled, copied) leaves them out.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ldm_pipelines.spec import Entity

if TYPE_CHECKING:
    from mlflow import MlflowClient

COMPARED = {
    "kind": ("kind", "source.kind"),
    "dataset": ("dataset",),
    "image_size": ("image_size",),
    "feature_network": ("feature_network",),
    "autoencoder": ("autoencoder",),
    "regulariser": ("regulariser",),
    "f": ("architecture.factor", "definition.factor"),
    "latent_channels": ("architecture.latent_channels",),
    "codebook_size": ("architecture.codebook_size",),
    "ldm": ("ldm",),
    "conditioning": ("conditioning.kind", "definition.conditioning.kind"),
    "prediction": ("schedule.prediction",),
    "steps": ("training.steps",),
    "batch_size": ("training.batch_size",),
    "learning_rate": ("training.learning_rate",),
    "loss": ("training.loss",),
    "sampler": ("sampler.scheduler", "sampler.kind"),
    "sampler_steps": ("sampler.steps",),
    "eta": ("sampler.eta",),
    "guidance_scale": ("guidance_scale",),
    "classifier_guidance_scale": ("classifier_guidance.scale",),
    "image_guidance_scale": ("image_guidance.scale",),
    "count": ("count",),
}
"""Parameter of a run: where an entity may hold it. All others of its own stand in the run's ``parameters.yaml``."""

LINEAGE = ("samples", "ldms", "latents", "autoencoders")
"""Kinds of artefact that bear parameters on, the nearest to a result first. Networks and references only measure."""

FIRST_STAGE = ("f", "regulariser", "latent_channels", "codebook_size")
"""All that is taken from farther away than the nearest: the steps of a first stage are not those of its LDM."""

BORNE = {*COMPARED, "varied"} - {"feature_network"}
"""What is borne on: not the network that a first stage was trained with, since results name the one that measured."""


def compared_parameters(entity: Entity) -> dict[str, Any]:
    """The entity's parameters that runs are compared by; what it does not have is left out."""
    found = {
        name: value
        for name, paths in COMPARED.items()
        if (value := next((v for v in (_at(entity, path) for path in paths) if v is not None), None)) is not None
    }
    return {"f": 1, **found} if found.get("regulariser") == "none" else found


def inherited_parameters(client: "MlflowClient", experiment_id: str, inputs: Mapping[str, str]) -> dict[str, Any]:
    """Parameters of the runs that made the inputs, given as digests by dataset name (``ldms/digits_class``)."""
    found: dict[str, Any] = {}
    for name in lineage(inputs):
        query = f"tags.`output.{name}` = '{inputs[name]}'"
        for run in client.search_runs([experiment_id], query, max_results=1):
            made = {key: value for key, value in run.data.params.items() if key in BORNE}
            found = {**{key: made[key] for key in FIRST_STAGE if key in made}, **found} if found else made
    return found


def lineage(inputs: Iterable[str]) -> list[str]:
    """The inputs that a result is a property of, the nearest first."""
    kinds = {name: name.partition("/")[0] for name in inputs}
    return sorted((name for name in kinds if kinds[name] in LINEAGE), key=lambda name: LINEAGE.index(kinds[name]))


def _at(entity: Entity, path: str) -> Any:
    value: Any = entity
    for part in path.split("."):
        value = getattr(value, part, None)
    return value
