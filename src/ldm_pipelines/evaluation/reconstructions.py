"""Measure how well a first stage reconstructs real images (Table 8)."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ldm_pipelines.autoencoders.first_stage import FirstStage
from ldm_pipelines.compute import Compute
from ldm_pipelines.data.prepared import PreparedDataset
from ldm_pipelines.data.tensors import to_pixels, to_tensor
from ldm_pipelines.digests import digest_folder
from ldm_pipelines.evaluation.arithmetic import FLOAT32
from ldm_pipelines.evaluation.batches import batches, in_full_batches, measure
from ldm_pipelines.evaluation.distributions import measure_distances, measure_inception_score
from ldm_pipelines.evaluation.features import FeatureWriter
from ldm_pipelines.evaluation.measured import check_size
from ldm_pipelines.evaluation.networks.artefacts import open_distance, open_network
from ldm_pipelines.evaluation.pairs.metrics import PairedMetrics
from ldm_pipelines.evaluation.provenance import describe_network, describe_reference
from ldm_pipelines.evaluation.spec import Reconstruction

LATENTS = {"kl": "posterior mean", "vq": "nearest codes", "none": "the image itself"}


@torch.inference_mode()
def evaluate_reconstruction(
    spec: Reconstruction,
    autoencoder_folder: Path,
    dataset_folder: Path,
    network_folder: Path,
    perceptual_folder: Path,
    *,
    workspace: Path,
    compute: Compute,
) -> dict[str, Any]:
    """PSNR, SSIM and perceptual distance per image (mean and deviation), R-FID, R-KID; for VQ the codebook's use.

    R-IS is left out where the network's classes are neither ImageNet's nor the dataset's.

    Images go through the posterior's mean (KL), their nearest codes (VQ) or nothing (identity) and are rounded to 8
    bits, as a PNG would hold them. Each original is decoded once, for the autoencoder, the pairs and the features;
    ``workspace`` holds the features while they are needed.

    Returns the JSON-able result: ``kind``, ``name``, ``metrics`` (name -> number), ``details`` and ``provenance``.

    Raises:
        InputError: an image or a model cannot be read, or the split is too small for the metrics.
    """
    dataset = PreparedDataset(dataset_folder)
    images = dataset.split(spec.split)
    what = f"evaluation {spec.name!r}: split {spec.split!r} of {spec.dataset!r}"
    check_size(what, len(images), 2, spec.distribution.is_splits)
    device = compute.torch_device()
    first_stage = FirstStage.load(autoencoder_folder).to(device)
    network = open_network(network_folder, compute)

    real, rebuilt = (
        FeatureWriter(_folder(workspace, name), len(images), f"{name} of {spec.name}")
        for name in ("originals", "reconstructions")
    )
    paired = PairedMetrics(open_distance(perceptual_folder, compute))
    codebook = _CodebookUse(first_stage.codebook_size)
    for indices in batches(len(images), compute, f"reconstructions by {spec.autoencoder}"):
        originals = images.pixels(indices)
        x = to_tensor(originals).to(device)
        z = in_full_batches(first_stage.encode, x)
        copies = to_pixels(in_full_batches(first_stage.decode, z))
        codebook.add(first_stage, z)
        paired.add(x, to_tensor(copies).to(device))
        real.add(measure(network, originals))
        rebuilt.add(measure(network, copies))

    made = rebuilt.finish()
    found = (
        paired.measured()
        | measure_distances(made, real.finish(), spec.distribution, "r_", progress=compute.progress)
        | measure_inception_score(made, network, dataset.classes, spec.distribution, "r_")
    )
    return {
        "kind": "reconstruction",
        "name": spec.name,
        "metrics": found.metrics | codebook.summary(),
        "details": found.details,
        "provenance": {
            "feature_network": describe_network(network),
            "perceptual_network": paired.network,
            "reference": describe_reference(dataset, spec.split, len(images)),
            "autoencoder": _describe(spec.autoencoder, first_stage, autoencoder_folder),
            "protocol": {
                "latent": LATENTS[first_stage.regulariser],
                "pixels": "8-bit RGB",
                "arithmetic": FLOAT32,
                **found.protocol,
            },
        },
    }


def _folder(workspace: Path, name: str) -> Path:
    folder = workspace / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _describe(name: str, first_stage: FirstStage, folder: Path) -> dict[str, Any]:
    """The columns of Table 8 that are settings, not measurements, among others."""
    return {
        "name": name,
        "digest": digest_folder(folder),
        "regulariser": first_stage.regulariser,
        "f": first_stage.factor,
        "c": first_stage.latent_channels,
        "codebook_size": first_stage.codebook_size,
        "n_params": sum(parameter.numel() for parameter in first_stage.parameters()),
    }


class _CodebookUse:
    """How often each code is chosen (VQ)."""

    def __init__(self, size: int | None) -> None:
        self._counts = None if size is None else np.zeros(size, dtype=np.int64)

    def add(self, first_stage: FirstStage, z: Tensor) -> None:
        if self._counts is not None:
            indices = first_stage.quantise(z).indices.flatten().cpu().numpy()
            self._counts += np.bincount(indices, minlength=len(self._counts))

    def summary(self) -> dict[str, float]:
        """Share of entries chosen at least once, and exp of the entropy of the choice; nothing for KL."""
        if self._counts is None:
            return {}
        share = self._counts[self._counts > 0] / self._counts.sum()
        return {
            "codebook_usage": len(share) / len(self._counts),
            "codebook_perplexity": float(np.exp(-(share * np.log(share)).sum())),
        }
