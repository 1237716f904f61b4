"""A tracked node that runs: what it is, and what its MLflow run shall tell of it."""

import csv
import json
import logging
import shlex
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ldm_pipelines.compute import Compute
from ldm_pipelines.digests import digest_parameters
from ldm_pipelines.spec import Entity
from ldm_pipelines.tracking.code import code_on_disk, running_code
from ldm_pipelines.tracking.comparison import compared_parameters, inherited_parameters, lineage
from ldm_pipelines.tracking.provenance import (
    DOUBTS,
    GitState,
    artefact_digests,
    describe_device,
    dvc_hashes,
    dvc_tags,
    git_commit,
    output_digests,
    package_versions,
    write_record,
)
from ldm_pipelines.tracking.run import Run
from ldm_pipelines.tracking.store import open_experiment, open_store, opening, tracking_uri

if TYPE_CHECKING:
    from kedro.pipeline.node import Node

log = logging.getLogger(__name__)

SAMPLES = "samples.png"
"""Name of a sample set's ``grid.png`` among the pictures of a run."""


class Session(NamedTuple):
    """What all nodes of one ``kedro run`` share."""

    project: Path
    study: str | None = None
    tables: Mapping[str, Any] = {}
    """The study's tables by name, with their rows."""
    name: str = ""
    """Which pipelines run, and since when."""
    varied: str = ""
    """What ``--params`` changed; runs on its results bear that too."""


class Stage:
    """A tracked node that runs: what it is and its MLflow run."""

    def __init__(self, node: "Node", inputs: Mapping[str, Any], purpose: str, session: Session) -> None:
        stage, _, entity = node.name.partition(".")
        self.name = node.name
        self.unsaved = set(node.outputs)
        self.parameters = _parameters(entity, inputs)
        self.inputs = artefact_digests(inputs)
        self.outputs: dict[str, str] = {}
        self.git = git_commit(session.project)
        self._project = session.project
        self._compute = next((value for value in inputs.values() if isinstance(value, Compute)), None)
        tags = {
            "study": session.study or "none",
            "stage": stage,
            "entity": entity,
            "group": _group(session, self.git),
            "git.dirty": str(self.git.dirty).lower(),
            "mlflow.source.name": f"{Path(sys.argv[0]).name} {shlex.join(sys.argv[1:])}",
            "mlflow.source.type": "LOCAL",
        }
        tables = [name for name, table in session.tables.items() if entity in _results_of(table)]
        if tables and purpose == "evaluation":
            tags["table"] = ", ".join(tables)
        if self.git.commit:
            tags["mlflow.source.git.commit"] = tags["git.commit"] = self.git.commit
        tags |= dvc_tags() | {f"dvc.md5.{name}": md5 for name, md5 in dvc_hashes(session.project, inputs).items()}
        tags |= {f"input.{name}": digest for name, digest in self.inputs.items()}
        uri = tracking_uri(session.project)
        with opening(uri):
            client = open_store(uri)
            experiment = open_experiment(client, f"ldm_pipelines/{session.study}" if session.study else "ldm_pipelines")
            self.run = Run(client, experiment, node.name, tags)
        self._log_inputs(inputs, session, experiment, purpose)

    def _log_inputs(self, inputs: Mapping[str, Any], session: Session, experiment: str, purpose: str) -> None:
        parameters: dict[str, Any] = {}
        with self.run.tolerant("parameters"):
            parameters |= inherited_parameters(self.run.client, experiment, self.inputs)
        if self.parameters:
            parameters |= compared_parameters(self.parameters)
            self.run.log_yaml(self.parameters.model_dump(mode="json"), "parameters.yaml")
        if varied := dict.fromkeys(filter(None, (parameters.get("varied"), session.varied))):
            parameters["varied"] = ", ".join(varied)
        own = {"study": session.study or "none", "entity": self.name.partition(".")[2]}
        self.run.log_params(own | parameters | _seed(inputs))
        for name, digest in self.inputs.items():
            if (inputs[name] / "dataset.json").is_file():
                self.run.log_dataset(inputs[name].name, digest, inputs[name], purpose)
        if purpose == "evaluation":
            for name in lineage(self.inputs)[:1]:
                self._log_pictures(inputs[name])

    def log_outputs(self, outputs: Mapping[str, Any]) -> None:
        self.outputs = output_digests(outputs)
        with self.run.tolerant("results"):
            curves = (list(_curves(output)) for output in outputs.values())
            self.run.log_curves(next(filter(None, curves), []))  # a folder and a frame may hold the same ones
            for output in outputs.values():
                self.run.log_results(_results(output))
                self._log_pictures(output)
        self.run.set_tags({f"output.{name}": digest for name, digest in self.outputs.items()})

    def _log_pictures(self, artefact: Any) -> None:
        if isinstance(artefact, Path):
            for picture in artefact.glob("grid.png"):
                self.run.log_picture(picture, SAMPLES)
            for picture in sorted(artefact.glob("pictures/*.png")):
                self.run.log_picture(picture, picture.name)

    def finish(self, record: Path) -> None:
        """Write the record and end the run.

        Raises:
            OSError: the record cannot be written; the run has failed then, since the one that lies there is of another.
        """
        doubts = self._doubts()
        for doubt in doubts:
            log.warning("%s: %s; its provenance record says so", self.name, DOUBTS[doubt])
        device = describe_device(self._compute) if self._compute else {}
        self.run.set_tags({f"device.{key}": value for key, value in device.items()} | dict.fromkeys(doubts, "true"))
        content = {
            "node": self.name,
            "git_commit": self.git.commit,
            "git_dirty": self.git.dirty or git_commit(self._project).dirty,
            **dict.fromkeys(doubts, True),
            "mlflow_run_id": self.run.id,
            "parameters": self.parameters and digest_parameters(self.parameters),
            "inputs": self.inputs,
            "outputs": self.outputs,
            "versions": package_versions(),
            "device": device,
            "code": running_code(),
        }
        try:
            write_record(record, content)
        except OSError as error:
            self.fail(error)
            raise
        self.run.end("FINISHED")

    def _doubts(self) -> list[str]:
        held = {
            "code_changed": code_on_disk() != running_code(),
            "resumed_from_other_code": self.run.resumed_from_other_code,
        }
        return [doubt for doubt in DOUBTS if held[doubt]]

    def fail(self, error: Exception) -> None:
        self.run.set_tags({"error": f"{type(error).__name__}: {error}"})
        self.run.end("FAILED")


def _parameters(entity: str, inputs: Mapping[str, Any]) -> Entity | None:
    """The node's own entity among its inputs: that of its name, or the only one (a user study has two results)."""
    entities = [value for value in inputs.values() if isinstance(value, Entity)]
    return next((value for value in entities if value.name == entity or len(entities) == 1), None)


def _group(session: Session, git: GitState) -> str:
    """What runs belong together by: the DVC experiment, else the commit that DVC reproduces, else the ``kedro run``."""
    dvc = dvc_tags()
    if "dvc.experiment" in dvc:
        return dvc["dvc.experiment"]
    if "dvc.stage" in dvc and git.commit:
        return f"dvc repro {git.commit[:7]}{' + changes' if git.dirty else ''}"
    return session.name


def _results_of(table: Entity | Mapping[str, Any]) -> set[str]:
    """Names of the results that stand in a table; it is an entity where the session also renders it."""
    plain = table.model_dump() if isinstance(table, Entity) else table
    rows = plain.get("rows", ())
    named = {row.get(source) for row in rows for source in ("result", "throughput", "preference")}
    return {name for name in named if name} | {name for row in rows for name in row.get("also", ())}


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
