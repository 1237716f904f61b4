"""The quality of a model over its training, or over the sampler's steps (Figures 6, 7 and 17)."""

import json
import logging
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ldm_pipelines.analysis.provenance import describe_model
from ldm_pipelines.analysis.spec import Sweep
from ldm_pipelines.compute import Compute
from ldm_pipelines.diffusion.model import LatentDiffusionModel
from ldm_pipelines.diffusion.spec import LDM
from ldm_pipelines.diffusion.train import SNAPSHOTS
from ldm_pipelines.errors import InputError
from ldm_pipelines.evaluation.reference import ReferenceSet
from ldm_pipelines.evaluation.samples import evaluate_samples
from ldm_pipelines.evaluation.spec import Evaluation
from ldm_pipelines.sampling.ddim_steps import check_steps
from ldm_pipelines.sampling.sample import sample
from ldm_pipelines.sampling.spec import DDIM, Samples

log = logging.getLogger(__name__)

IN_CURVES = ("fid", "is", "precision", "recall", "accuracy")
"""Metrics that are also listed flat, as ``METRIC_at_VALUE``."""


@dataclass(frozen=True)
class Inputs:
    """The folders that a sweep reads."""

    ldm: Path
    autoencoder: Path
    dataset: Path
    reference: Path
    feature_network: Path
    perceptual_network: Path


def run_sweep(spec: Sweep, ldm: LDM, inputs: Inputs, *, seed: int, workspace: Path, compute: Compute) -> dict[str, Any]:
    """Draw and measure ``spec.count`` images at each value, from the same noises.

    ``workspace`` keeps the values that are measured, and the images that are drawn of the next one: the same call
    again goes on there, and gives the same result.

    Returns the JSON-able result: ``kind``, ``name``, ``axis``, ``points`` (``value`` and ``metrics``), ``metrics``
    (flat) and ``provenance``.

    Raises:
        InputError: before anything is drawn, a snapshot that is not there or steps that don't fit the schedule; or what
            ``sample`` and ``evaluate_samples`` refuse.
    """
    samplers = spec.samplers()
    folders = {value: _model_at(spec, ldm, inputs.ldm, value) for value in spec.values}
    model = LatentDiffusionModel.load(inputs.ldm)
    for sampler in samplers.values():
        check_steps(sampler, model.scheduler.config.num_train_timesteps)

    measured: dict[int, dict[str, Any]] = {}
    for value in spec.values:
        point = workspace / "points" / f"{value}.json"
        if not point.exists():
            log.info("sweep %s: %s %d", spec.name, spec.axis, value)
            unfinished = workspace / str(value)
            result = _measure(
                spec, samplers[value], folders[value], inputs, seed=seed, workspace=unfinished, compute=compute
            )
            _write(point, result)
            shutil.rmtree(unfinished)
        measured[value] = json.loads(point.read_text())
    points = [{"value": value, "metrics": result["metrics"]} for value, result in measured.items()]
    return {
        "kind": "sweep",
        "name": spec.name,
        "axis": spec.axis,
        "points": points,
        "metrics": _flat(measured),
        "provenance": _provenance(spec, measured[spec.values[0]]["provenance"], seed)
        | {"ldm": describe_model(ldm, inputs.ldm, model)},
    }


def _model_at(spec: Sweep, ldm: LDM, folder: Path, value: int) -> Path:
    """The model that is sampled at ``value``; the finished one is the snapshot of the last training step."""
    if spec.axis == "sampler_steps" or value == ldm.training.steps:
        return folder
    snapshot = folder / SNAPSHOTS / str(value)
    if not (snapshot / "config.json").exists():
        there = [int(path.parent.name) for path in (folder / SNAPSHOTS).glob("[0-9]*/config.json")]
        raise InputError(
            f"sweeps.{spec.name}.values: {ldm.name!r} has no snapshot of step {value}; there are "
            f"{', '.join(map(str, sorted([*there, ldm.training.steps])))}. Others are made by training it again with "
            f"ldms.{ldm.name}.training.snapshots"
        )
    return snapshot


def _measure(
    spec: Sweep, sampler: DDIM, model: Path, inputs: Inputs, *, seed: int, workspace: Path, compute: Compute
) -> dict[str, Any]:
    """What an evaluation of these samples gives."""
    samples = Samples(
        name=spec.name, ldm=spec.ldm, autoencoder=spec.autoencoder, dataset=spec.dataset, split=spec.split,
        sampler=sampler, guidance_scale=spec.guidance_scale, count=spec.count, upstream="-",
    )  # fmt: skip
    drawn = sample(samples, model, inputs.autoencoder, inputs.dataset, seed=seed, workspace=workspace, compute=compute)
    evaluation = Evaluation(
        name=spec.name, samples=spec.name, reference=spec.reference, dataset=spec.dataset,
        split=ReferenceSet(inputs.reference).facts["split"], feature_network=spec.feature_network,
        perceptual_network=spec.perceptual_network, distribution=spec.distribution, suite=spec.suite,
    )  # fmt: skip
    return evaluate_samples(
        evaluation, drawn, inputs.reference, inputs.dataset, inputs.feature_network, inputs.perceptual_network,
        workspace=workspace, compute=compute,
    )  # fmt: skip


def _write(path: Path, result: dict[str, Any]) -> None:
    """The file is complete or not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(result))
    partial.replace(path)


def _flat(measured: dict[int, dict[str, Any]]) -> dict[str, float]:
    return {
        f"{metric}_at_{value}": result["metrics"][metric]
        for metric in IN_CURVES
        for value, result in measured.items()
        if metric in result["metrics"]
    }


def _provenance(spec: Sweep, of_point: dict[str, Any], seed: int) -> dict[str, Any]:
    """What holds for all points; on the axis of sampler steps, the sampler's own are not among it."""
    protocol = of_point["protocol"] | {
        "samples": spec.count,
        "guidance_scale": spec.guidance_scale,
        "seed": seed,
        "noise": "the same at every value",
    }
    varied = {"steps"} if spec.axis == "sampler_steps" else set()
    return {
        "feature_network": of_point["feature_network"],
        "reference": of_point["reference"],
        "sampler": spec.sampler.model_dump(mode="json", exclude=varied),
        "protocol": protocol,
    }
