"""Metrics."""

from pathlib import Path
from typing import Any

from ldm_pipelines.compute import Compute
from ldm_pipelines.evaluation.spec import Evaluation, Reconstruction


def evaluate_samples(
    evaluation: Evaluation, samples: Path, dataset: Path, feature_network: Path, compute: Compute
) -> dict[str, Any]:
    """FID, IS, precision, recall, accuracy of a sample set, with what they were measured on."""
    from ldm_pipelines.evaluation import samples as measure

    return measure.evaluate_samples(evaluation, samples, dataset, feature_network, compute=compute)


def evaluate_reconstruction(
    reconstruction: Reconstruction, autoencoder: Path, dataset: Path, feature_network: Path, compute: Compute
) -> dict[str, Any]:
    """R-FID, R-IS, PSNR, SSIM, PSIM of a first stage, with what they were measured on."""
    from ldm_pipelines.evaluation import reconstructions as measure

    return measure.evaluate_reconstruction(reconstruction, autoencoder, dataset, feature_network, compute=compute)
