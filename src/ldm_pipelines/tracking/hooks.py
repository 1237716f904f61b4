"""MLflow remembers every stage that computes something: one run per node, opened and ended here and nowhere else."""

import atexit
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.framework.hooks import hook_impl

from ldm_pipelines.tracking.code import running_code
from ldm_pipelines.tracking.run import flatten
from ldm_pipelines.tracking.stage import Session, Stage

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
    ``pictures/*.png``; of a dict its ``metrics``; of a data frame with a column ``step`` its curves. An evaluation also
    shows the pictures of what it measured. No dataset is loaded, and MLflow is imported only for a tracked node.
    """

    def __init__(self) -> None:
        running_code()
        self._session = Session(Path.cwd())
        self._open: dict[str, Stage] = {}
        atexit.register(self._end_all, "KILLED")  # Ctrl-C passes by Kedro's error hooks

    @hook_impl
    def after_context_created(self, context: "KedroContext") -> None:
        self._session = Session(Path(context.project_path))

    @hook_impl
    def after_catalog_created(self, parameters: dict[str, Any]) -> None:
        self._session = self._session._replace(
            study=parameters.get("params:study"), tables=parameters.get("params:tables", {})
        )

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any]) -> None:
        pipelines = ", ".join(run_params.get("pipeline_names") or ["__default__"])
        changes = flatten(run_params.get("runtime_params") or {})
        self._session = self._session._replace(
            name=f"{pipelines} {run_params['run_id']}", varied=", ".join(f"{key}={value}" for key, value in changes)
        )

    @hook_impl
    def before_node_run(self, node: "Node", inputs: dict[str, Any]) -> None:
        """Start the node's run.

        Raises:
            InputError: the store cannot be opened.
        """
        purpose = TRACKED_STAGES.get(node.name.partition(".")[0])
        if purpose is None:
            return
        if left := self._open.pop(node.name, None):  # interrupted, and started again from the same process
            left.run.end("KILLED")
        self._open[node.name] = Stage(node, inputs, purpose, self._session)

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
        self._open.pop(node.name).finish(self._session.project / RECORDS / f"{node.name}.json")

    def _end_all(self, status: Any) -> None:
        while self._open:
            self._open.popitem()[1].run.end(status)
