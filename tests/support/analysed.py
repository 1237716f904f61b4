"""A model with snapshots, and everything that its analysis reads: made in a moment, trained nowhere."""

from pathlib import Path
from typing import Any

import torch
from support.conditionings import definition
from support.tiny_models import COMPUTE, SCHEDULE, TOKENISED, UNET, write_first_stage, write_model

from ldm_pipelines.analysis.spec import Sweep, Throughput
from ldm_pipelines.analysis.sweep import Inputs
from ldm_pipelines.data.prepared import PreparedDataset
from ldm_pipelines.diffusion.model import LatentDiffusionModel
from ldm_pipelines.diffusion.spec import LDM
from ldm_pipelines.diffusion.train import SNAPSHOTS
from ldm_pipelines.evaluation.networks.artefacts import open_network
from ldm_pipelines.evaluation.reference import evaluate_reference
from ldm_pipelines.evaluation.spec import Reference
from ldm_pipelines.feature_networks.classifier import ClassifierNetwork
from ldm_pipelines.feature_networks.networks import save_network
from ldm_pipelines.latents.encode import encode
from ldm_pipelines.latents.spec import Latents
from ldm_pipelines.preparation.prepare import prepare
from ldm_pipelines.preparation.spec import Dataset

KEPT = (4, 8)
"""Steps of the snapshots; the model's training has 12."""
DIGITS = {"kind": "digits", "limit": 60}
SCENES = {"kind": "scenes", "count": 30, "objects": [2, 3], "overlap": 0.2, "grid": None, "seed": 0}


class Analysed:
    """A dataset, a first stage, latents, a network, a reference, and a model with one kind of conditioning."""

    def __init__(self, folder: Path, conditioning: str = "class", source: dict[str, Any] = DIGITS) -> None:
        self.conditioning = conditioning
        spec = {
            "name": "images", "source": source, "upstream": "-", "image_size": 32, "resize": "box",
            "splits": {"train": 0.6, "validation": 0.0, "test": 0.4},
        }  # fmt: skip
        self.dataset = prepare(Dataset.model_validate(spec), None, folder / "dataset", progress=False)
        self.first_stage = write_first_stage(folder / "kl")
        self.latents = encode(
            Latents(name="latents", dataset="images", autoencoder="kl", shard_size=50, dtype="float32"),
            self.dataset, self.first_stage, workspace=folder / "latents", compute=COMPUTE,
        )  # fmt: skip
        self.model = write_model(folder / "model", conditioning, self.dataset, self.first_stage)
        for step in KEPT:
            self._write_snapshot(step)
        self.network = folder / "network"
        self.network.mkdir()
        classes = PreparedDataset(self.dataset).classes or ["one", "other"]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            save_network(ClassifierNetwork("classifier", (8, 12), classes), self.network)
        self.reference = evaluate_reference(
            Reference(name="real", dataset="images", split="train", feature_network="classifier"),
            self.dataset, open_network(self.network, COMPUTE), workspace=folder / "reference", compute=COMPUTE,
        )  # fmt: skip

    def _write_snapshot(self, step: int) -> None:
        """The model with other weights."""
        model = LatentDiffusionModel.load(self.model)
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.manual_seed(step)
            for parameter in model.denoiser.parameters():
                parameter.add_(0.2 * torch.randn_like(parameter))
        snapshot = self.model / SNAPSHOTS / str(step)
        snapshot.mkdir(parents=True)
        model.save(snapshot)

    @property
    def inputs(self) -> Inputs:
        return Inputs(self.model, self.first_stage, self.dataset, self.reference, self.network, self.network)

    def ldm(self) -> LDM:
        """What the model was trained by, had it been."""
        return LDM.model_validate(
            {
                "name": "tiny", "latent": "latents", "dataset": "images", "autoencoder": "kl",
                "denoiser": {**UNET, "transformer_depth": int(self.conditioning in TOKENISED)},
                "conditioning": definition(self.conditioning), "schedule": SCHEDULE,
                "training": {
                    "steps": 12, "batch_size": 4, "learning_rate": 1e-3, "weight_decay": 0, "warmup_steps": 0,
                    "loss": "l2", "ema_decay": 0.9, "gradient_clip": None, "horizontal_flip": False,
                    "snapshots": KEPT,
                },
            }
        )  # fmt: skip


def sweep(**changes: Any) -> Sweep:
    """Over the snapshots and the finished model."""
    return Sweep.model_validate(
        {
            "name": "curve", "ldm": "tiny", "autoencoder": "kl", "dataset": "images", "split": "test",
            "reference": "real", "feature_network": "classifier", "perceptual_network": "classifier",
            "axis": "training_steps", "values": [*KEPT, 12], "sampler": {"kind": "ddim", "steps": 2, "eta": 1.0},
            "guidance_scale": 1.0, "count": 12, "suite": "analysis",
            "distribution": {
                "neighbours": 3, "is_splits": 2, "kid_subsets": 2, "kid_subset_size": 10, "replicates": 0,
            },
        }
        | changes
    )  # fmt: skip


def throughput(**changes: Any) -> Throughput:
    """Of three steps, and batches of two images."""
    return Throughput.model_validate(
        {
            "name": "speed", "ldm": "tiny", "latent": "latents", "autoencoder": "kl", "dataset": "images", "warmup": 1,
            "training_steps": 3, "sampler_steps": [1, 2], "eta": 0.0, "sampling_batch": 2, "suite": "throughput",
        }
        | changes
    )  # fmt: skip
