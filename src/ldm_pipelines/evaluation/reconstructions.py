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
from ldm_pipelines.evaluation.features import FeatureCollector, batches
from ldm_pipelines.evaluation.image_sets import check_size
from ldm_pipelines.evaluation.measured import measure_inception_score
from ldm_pipelines.evaluation.paired import PairedMetrics
from ldm_pipelines.evaluation.provenance import describe_network, describe_reference
from ldm_pipelines.evaluation.spec import Reconstruction
from ldm_pipelines.feature_networks.features import PerceptualDistance
from ldm_pipelines.feature_networks.frechet import frechet_distance, gaussian
from ldm_pipelines.feature_networks.networks import load_network

LATENTS = {"kl": "posterior mean", "vq": "nearest codes", "none": "the image itself"}


@torch.inference_mode()
def evaluate_reconstruction(
    spec: Reconstruction, autoencoder_folder: Path, dataset_folder: Path, network_folder: Path, *, compute: Compute
) -> dict[str, Any]:
    """PSNR, SSIM and perceptual distance per image (mean and deviation), R-FID; for VQ the codebook's use.

    R-IS is left out where the network's classes are not the dataset's.

    Images go through the posterior's mean (KL), their nearest codes (VQ) or nothing (identity) and are rounded to 8
    bits, as a PNG would hold them.

    Returns the JSON-able result: ``kind``, ``name``, ``metrics`` (name -> number) and ``provenance``.

    Raises:
        InputError: an image or a model cannot be read, or the split is too small for the metrics.
    """
    dataset = PreparedDataset(dataset_folder)
    images = dataset.split(spec.split)
    check_size(spec.name, f"split {spec.split!r} of {spec.dataset!r}", len(images), spec.is_splits)
    device = compute.torch_device()
    first_stage = FirstStage.load(autoencoder_folder).to(device)
    network = load_network(network_folder).to(device)

    real, rebuilt = FeatureCollector(), FeatureCollector()
    paired = PairedMetrics(PerceptualDistance(network), border="zeros")
    codebook = _CodebookUse(first_stage.codebook_size)
    for indices in batches(len(images), compute, f"reconstructions by {spec.autoencoder}"):
        x = to_tensor(images.pixels(indices)).to(device)
        z = first_stage.encode(x)
        y = to_tensor(to_pixels(first_stage.decode(z))).to(device)
        codebook.add(first_stage, z)
        paired.add(x, y)
        real.add(network(x))
        rebuilt.add(network(y))

    originals = real.finish(images.labels, f"{spec.dataset}/{spec.split}")
    copies = rebuilt.finish(images.labels, f"reconstructions by {spec.autoencoder}")
    score = measure_inception_score(copies, network, dataset, spec.is_splits, "r_is")
    return {
        "kind": "reconstruction",
        "name": spec.name,
        "metrics": {
            **paired.summary(),
            "r_fid": frechet_distance(gaussian(copies.pool), gaussian(originals.pool)),
            **score.metrics,
            **codebook.summary(),
        },
        "provenance": {
            "feature_network": describe_network(network),
            "reference": describe_reference(dataset, spec.split, len(images)),
            "autoencoder": _describe(spec.autoencoder, first_stage, autoencoder_folder),
            "protocol": {
                "latent": LATENTS[first_stage.regulariser],
                "pixels": "8-bit RGB",
                "psnr": "data range 1, mean over images",
                "ssim": "11x11 Gaussian window, sigma 1.5, zero padding, data range 1, mean over images",
                "psim": f"perceptual distance of {network.name}",
                **score.protocol,
            },
        },
    }


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
