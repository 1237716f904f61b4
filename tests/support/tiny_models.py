"""Untrained models of every kind, small enough to sample in a moment: 32x32 images, latents 3 x 8 x 8."""

from pathlib import Path
from typing import Any

import torch
from support.conditionings import definition

from ldm_pipelines.autoencoders.first_stage import FirstStage
from ldm_pipelines.autoencoders.spec import Architecture
from ldm_pipelines.compute import Compute
from ldm_pipelines.data.prepared import PreparedDataset
from ldm_pipelines.diffusion.conditioners.conditioner import Surroundings
from ldm_pipelines.diffusion.conditioners.registry import build_conditioner
from ldm_pipelines.diffusion.denoiser import build_denoiser
from ldm_pipelines.diffusion.model import LatentDiffusionModel, ModelInfo
from ldm_pipelines.diffusion.schedule import ddim_scheduler
from ldm_pipelines.diffusion.spec import Denoiser, Schedule
from ldm_pipelines.digests import digest_folder
from ldm_pipelines.preparation.prepare import prepare
from ldm_pipelines.preparation.spec import Dataset
from ldm_pipelines.sampling.spec import Samples

SCHEDULE = Schedule(timesteps=1000, beta_start=0.0015, beta_end=0.0195)
SHAPE = (3, 8, 8)
SCALE = 1.5
CLASSES = tuple("0123456789")
COMPUTE = Compute(device="cpu", num_threads=1, progress=False, inference_batch_size=4)
UNET: dict[str, Any] = {
    "block_out_channels": [16, 16], "layers_per_block": 1, "attention": [False, True], "head_channels": 8,
    "norm_num_groups": 8,
}  # fmt: skip
TOKENISED = {"class", "mini_text", "mini_layout"}


def write_scenes(workspace: Path, count: int = 24) -> Path:
    """Scenes with captions, boxes and maps; about half are for training, half for tests."""
    parameters = {
        "name": "scenes",
        "source": {"kind": "scenes", "count": count, "objects": [2, 4], "overlap": 0.3, "grid": None, "seed": 0},
        "upstream": "-",
        "image_size": 32,
        "resize": "box",
        "splits": {"train": 0.5, "validation": 0.0, "test": 0.5},
    }
    return prepare(Dataset.model_validate(parameters), None, workspace, progress=False)


def write_first_stage(folder: Path, codebook_size: int | None = None) -> Path:
    """An untrained KL or VQ model of f = 4."""
    architecture = Architecture(
        block_out_channels=(8, 8, 8), layers_per_block=1, latent_channels=3, mid_attention=False, norm_num_groups=4,
        codebook_size=codebook_size,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        FirstStage.from_architecture(architecture, 32, "-").save(folder)
    return folder


def write_model(folder: Path, conditioning: str, dataset_folder: Path, first_stage_folder: Path) -> Path:
    """An untrained model with a conditioning of ``conf/hydra/conditioning``."""
    dataset = PreparedDataset(dataset_folder)
    surroundings = Surroundings(
        latent_shape=SHAPE, factor=4, classes=CLASSES, captions=dataset.split("train").captions or (),
        box_classes=dataset.box_classes, map_classes=dataset.map_classes,
    )  # fmt: skip
    spec = definition(conditioning)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        conditioner = build_conditioner(spec, surroundings)
        denoiser = build_denoiser(
            Denoiser.model_validate(UNET | {"transformer_depth": int(conditioning in TOKENISED)}), SHAPE,
            context_dim=conditioner.context_dim, concat_channels=conditioner.concat_channels,
        )  # fmt: skip
    info = ModelInfo(
        name="tiny", latent="cache", latent_shape=SHAPE, factor=4, scale_factor=SCALE, dataset=dataset.name,
        conditioning=spec.model_dump(mode="json"), classes=CLASSES, autoencoder="kl",
        autoencoder_digest=digest_folder(first_stage_folder),
    )  # fmt: skip
    folder.mkdir()
    LatentDiffusionModel(info, denoiser, conditioner, ddim_scheduler(SCHEDULE)).save(folder)
    return folder


def samples(**changes: Any) -> Samples:
    """A small sample set of a tiny model."""
    return Samples.model_validate(
        {
            "name": "set", "ldm": "tiny", "autoencoder": "kl", "dataset": "scenes", "split": "test", "count": 6,
            "sampler": {"kind": "ddim", "steps": 4, "eta": 1.0}, "guidance_scale": 1.0, "upstream": "-",
        }
        | changes
    )  # fmt: skip
