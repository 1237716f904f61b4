"""MLflow remembers every stage that computes something: one run per node, opened and ended here and nowhere else."""

import atexit
import csv
import json
import shlex
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.framework.hooks import hook_impl

from ldm_pipelines.digests import digest_parameters
from ldm_pipelines.spec import Entity
from ldm_pipelines.tracking.provenance import (
    artefact_digests,
    dvc_tags,
    git_commit,
    output_digests,
    package_versions,
    write_record,
)
from ldm_pipelines.tracking.run import Run
from ldm_pipelines.tracking.store import open_experiment, open_store, opening, tracking_uri

if TYPE_CHECKING:
    from kedro.framework.context import KedroContext
    from kedro.pipeline.node import Node

TRACKED_STAGES = {
    "prepare_data": "preparation",
    "train_feature_network": "training",
    "train_autoencoder": "training",
    "encode_latents": "encoding",
    "train_diffusion": "training",
    "train_latent_classifier": "training",
    "import_checkpoint": "import",
    "import_autoencoder": "import",
    "sample": "sampling",
    "baseline": "sampling",
    "evaluate_reference": "evaluation",
    "evaluate_samples": "evaluation",
    "evaluate_reconstruction": "evaluation",
    "sweep": "evaluation",
    "measure_throughput": "training",
    "read_user_study": "evaluation",
}
"""Stages whose nodes, named ``STAGE.ENTITY``, are tracked, and what they use a dataset for. Others cost nothing."""

RECORDS = Path("data/08_reporting/provenance")
"""One JSON per tracked node: which code, parameters, inputs and MLflow run its present output came from."""


class MLflowHook:
    """Opens a run before a tracked node, logs what the node returns, ends the run when its outputs are saved.

    What is logged of an output: of an artefact folder ``metrics.json``, ``curves.csv``, ``grid.png`` and
    ``pictures/*.png``; of a dict its ``metrics``; of a data frame with a column ``step`` its curves. No dataset is
    loaded, and MLflow is imported only for a tracked node.
    """

    def __init__(self) -> None:
        self._project = Path.cwd()
        self._study: str | None = None
        self._open: dict[str, _Stage] = {}
        atexit.register(self._end_all, "KILLED")  # Ctrl-C passes by Kedro's error hooks

    @hook_impl
    def after_context_created(self, context: "KedroContext") -> None:
        self._project = Path(context.project_path)

    @hook_impl
    def after_catalog_created(self, parameters: dict[str, Any]) -> None:
        self._study = parameters.get("params:study")

    @hook_impl
    def before_node_run(self, node: "Node", inputs: dict[str, Any]) -> None:
        """Start the node's run.

        Raises:
            InputError: the store cannot be opened.
        """
        if node.name.partition(".")[0] not in TRACKED_STAGES:
            return
        if left := self._open.pop(node.name, None):  # interrupted, and started again from the same process
            left.run.end("KILLED")
        self._open[node.name] = _Stage(node, inputs, self._study, self._project)

    @hook_impl
    def after_node_run(self, node: "Node", outputs: dict[str, Any]) -> None:
        if stage := self._open.get(node.name):
            stage.log_outputs(outputs)
            if not stage.unsaved:
                self._finish(node)

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, node: "Node") -> None:
        if stage := self._open.get(node.name):
            stage.unsaved.discard(dataset_name)
            if not stage.unsaved:
                self._finish(node)

    @hook_impl
    def on_node_error(self, error: Exception, node: "Node") -> None:
        if stage := self._open.pop(node.name, None):
            stage.fail(error)

    @hook_impl
    def on_pipeline_error(self, error: Exception) -> None:
        """Errors outside the node's function: an output that could not be saved, another hook."""
        while self._open:
            self._open.popitem()[1].fail(error)

    def _finish(self, node: "Node") -> None:
        self._open.pop(node.name).finish(self._project / RECORDS / f"{node.name}.json")

    def _end_all(self, status: Any) -> None:
        while self._open:
            self._open.popitem()[1].run.end(status)


class _Stage:
    """A tracked node that runs: what it is and its MLflow run."""

    def __init__(self, node: "Node", inputs: Mapping[str, Any], study: str | None, project: Path) -> None:
        stage, _, entity = node.name.partition(".")
        self.name = node.name
        self.unsaved = set(node.outputs)
        self.parameters = _parameters(entity, inputs)
        self.inputs = artefact_digests(inputs)
        self.outputs: dict[str, str] = {}
        self.git = git_commit(project)
        tags = {
            "stage": stage,
            "entity": entity,
            "study": study or "none",
            "git.dirty": str(self.git.dirty).lower(),
            "mlflow.source.name": f"{Path(sys.argv[0]).name} {shlex.join(sys.argv[1:])}",
            "mlflow.source.type": "LOCAL",
        }
        if self.git.commit:
            tags["mlflow.source.git.commit"] = tags["git.commit"] = self.git.commit
        tags |= dvc_tags() | {f"input.{name}": digest for name, digest in self.inputs.items()}
        uri = tracking_uri(project)
        with opening(uri):
            client = open_store(uri)
            experiment = open_experiment(client, f"ldm_pipelines/{study}" if study else "ldm_pipelines")
            self.run = Run(client, experiment, node.name, tags)
        if self.parameters:
            self.run.log_params(self.parameters.model_dump(mode="json", exclude={"name"}) | _seed(inputs))
        for name, digest in self.inputs.items():
            if (inputs[name] / "dataset.json").is_file():
                self.run.log_dataset(inputs[name].name, digest, inputs[name], TRACKED_STAGES[stage])

    def log_outputs(self, outputs: Mapping[str, Any]) -> None:
        with self.run.tolerant("results"):
            curves = (list(_curves(output)) for output in outputs.values())
            self.run.log_curves(next(filter(None, curves), []))  # a folder and a frame may hold the same ones
            for output in outputs.values():
                self.run.log_results(_results(output))
                for picture in _pictures(output):
                    self.run.log_picture(picture)
            self.outputs = output_digests(outputs)
        self.run.set_tags({f"output.{name}": digest for name, digest in self.outputs.items()})

    def finish(self, record: Path) -> None:
        content = {
            "node": self.name,
            "git_commit": self.git.commit,
            "git_dirty": self.git.dirty,
            "mlflow_run_id": self.run.id,
            "parameters": self.parameters and digest_parameters(self.parameters),
            "inputs": self.inputs,
            "outputs": self.outputs,
            "versions": package_versions(),
        }
        with self.run.tolerant("provenance record"):
            write_record(record, content)
        self.run.end("FINISHED")

    def fail(self, error: Exception) -> None:
        self.run.set_tags({"error": f"{type(error).__name__}: {error}"})
        self.run.end("FAILED")


def _parameters(entity: str, inputs: Mapping[str, Any]) -> Entity | None:
    """The node's own entity among its inputs."""
    return next((value for value in inputs.values() if isinstance(value, Entity) and value.name == entity), None)


def _seed(inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {"seed": inputs["params:seed"]} if "params:seed" in inputs else {}


def _results(output: Any) -> Mapping[str, Any]:
    if isinstance(output, Path) and (output / "metrics.json").is_file():
        return json.loads((output / "metrics.json").read_text())
    if isinstance(output, dict) and isinstance(output.get("metrics"), dict):
        return output["metrics"]
    return {}


def _curves(output: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(output, Path) and (output / "curves.csv").is_file():
        with (output / "curves.csv").open(newline="") as file:
            for row in csv.DictReader(file):
                yield {name: float(value) for name, value in row.items() if value}
    elif "step" in getattr(output, "columns", ()):
        for row in output.to_dict("records"):
            yield {name: value for name, value in row.items() if value == value}  # without NaN: nothing at that step


def _pictures(output: Any) -> list[Path]:
    return [*output.glob("grid.png"), *sorted(output.glob("pictures/*.png"))] if isinstance(output, Path) else []
