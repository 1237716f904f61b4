"""Metrics."""

import json
from pathlib import Path

import click

from ldm_pipelines.compute import Compute
from ldm_pipelines.evaluation.outside_spec import Outside
from ldm_pipelines.evaluation.spec import Evaluation, Reconstruction, Reference
from ldm_pipelines.pipelines.measured import Measured
from ldm_pipelines.pipelines.workspace import temporary, workspace_for


def evaluate_reference(reference: Reference, dataset: Path, feature_network: Path, compute: Compute) -> Path:
    """Features and moments of the real images that samples are measured against."""
    from ldm_pipelines.evaluation import reference as measure
    from ldm_pipelines.evaluation.networks.artefacts import open_network

    workspace = workspace_for("evaluate_reference", reference, 0, compute, dataset, feature_network)
    network = open_network(feature_network, compute)
    return measure.evaluate_reference(reference, dataset, network, workspace=workspace, compute=compute)


def evaluate_samples(
    evaluation: Evaluation,
    samples: Path,
    reference: Path,
    dataset: Path,
    feature_network: Path,
    perceptual_network: Path,
    compute: Compute,
) -> Measured:
    """Every metric of a sample set, with what they were measured on."""
    from ldm_pipelines.evaluation import samples as measure

    with temporary("evaluate_samples", compute) as workspace:
        result = measure.evaluate_samples(
            evaluation, samples, reference, dataset, feature_network, perceptual_network,
            workspace=workspace, compute=compute,
        )  # fmt: skip
    return Measured.of(result)


def evaluate_reconstruction(
    reconstruction: Reconstruction,
    autoencoder: Path,
    dataset: Path,
    feature_network: Path,
    perceptual_network: Path,
    compute: Compute,
) -> Measured:
    """R-FID, R-IS, PSNR, SSIM, perceptual distance of a first stage, with what they were measured on."""
    from ldm_pipelines.evaluation import reconstructions as measure

    with temporary("evaluate_reconstruction", compute) as workspace:
        result = measure.evaluate_reconstruction(
            reconstruction, autoencoder, dataset, feature_network, perceptual_network,
            workspace=workspace, compute=compute,
        )  # fmt: skip
    return Measured.of(result)


def evaluate_outside(evaluate: Outside, compute: Compute) -> None:
    """Metrics of images from anywhere, into a JSON file; the numbers also on the screen."""
    from ldm_pipelines.evaluation import outside as measure

    with temporary("evaluate", compute) as workspace:
        result = measure.evaluate_outside(evaluate, workspace=workspace, compute=compute)
    evaluate.output.parent.mkdir(parents=True, exist_ok=True)
    evaluate.output.write_text(json.dumps(result, indent=2) + "\n")
    width = max(map(len, result["metrics"]))
    lines = [f"{name:{width}}  {value:.6g}" for name, value in result["metrics"].items()]
    notes = [f"note: {remark}" for remark in result["provenance"]["protocol"].get("remarks", ())]
    click.echo("\n".join([*lines, "", *notes, f"  written to {evaluate.output}"]))
