"""How long a training step takes."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ldm_pipelines.analysis.machine import forget_peak, peak_memory, wait
from ldm_pipelines.analysis.spec import Throughput
from ldm_pipelines.compute import Compute
from ldm_pipelines.data.prepared import PreparedDataset
from ldm_pipelines.diffusion.spec import LDM
from ldm_pipelines.diffusion.train import ConditionedLatents, build_module, check_same_images, lend_first_stage
from ldm_pipelines.latents.cache import LatentCache
from ldm_pipelines.training.fit import fit


@dataclass(frozen=True)
class TrainingSpeed:
    step_s: float
    """Median over the timed steps, reading the batch included."""
    images: int
    """Of the training split."""
    peak_memory_mib: float
    peak_memory_of: str


def measure_training(
    spec: Throughput,
    ldm: LDM,
    latents_folder: Path,
    dataset_folder: Path,
    autoencoder_folder: Path,
    *,
    seed: int,
    workspace: Path,
    compute: Compute,
) -> TrainingSpeed:
    """Train a new model of ``ldm`` for the warm-up and the timed steps, as its stage trains it but for two things.

    Nothing is validated, and no training state is saved. Nothing of the model is kept.

    Raises:
        InputError: latents and dataset are not of the same images, or the dataset lacks the conditions.
    """
    cache, dataset = LatentCache(latents_folder), PreparedDataset(dataset_folder)
    check_same_images(cache, dataset, f"throughputs.{spec.name}: the latents {spec.latent!r}")
    device = compute.torch_device()
    module = build_module(ldm, cache, dataset, seed)
    lend_first_stage(module, autoencoder_folder, device)
    source = ConditionedLatents(cache.split("train"), module.conditioner.reader(dataset.split("train")))
    ends: list[float] = []

    def note_end() -> None:
        wait(device)
        ends.append(time.perf_counter())

    steps = spec.warmup + spec.training_steps
    forget_peak(device)
    fit(
        module,
        source,
        steps=steps,
        batch_size=ldm.training.batch_size,
        workspace=workspace,
        compute=compute.model_copy(update={"checkpoint_every": steps + 1}),
        gradient_clip=ldm.training.gradient_clip,
        after_step=note_end,
    )
    peak, of = peak_memory(device)
    durations = np.diff(ends[spec.warmup - 1 :])
    return TrainingSpeed(float(np.median(durations)), len(source), peak, of)
