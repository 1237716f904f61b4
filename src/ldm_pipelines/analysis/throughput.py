"""What training and sampling of a model cost on this machine (Tables 6 and 18, Figure 7).

The numbers are times: another run, and all the more another machine, gives others. Everything else in this project
gives the same bytes from the same inputs; this does not.
"""

from pathlib import Path
from typing import Any

from ldm_pipelines.analysis.machine import describe_device
from ldm_pipelines.analysis.provenance import describe_model
from ldm_pipelines.analysis.sampling_speed import SamplingSpeed
from ldm_pipelines.analysis.spec import Throughput
from ldm_pipelines.analysis.training_speed import TrainingSpeed, measure_training
from ldm_pipelines.autoencoders.first_stage import FirstStage
from ldm_pipelines.compute import Compute
from ldm_pipelines.diffusion.model import LatentDiffusionModel
from ldm_pipelines.diffusion.spec import LDM
from ldm_pipelines.sampling.ddim_steps import check_steps

HOUR, DAY = 3600, 86400


def measure_throughput(
    spec: Throughput,
    ldm: LDM,
    ldm_folder: Path,
    latents_folder: Path,
    dataset_folder: Path,
    autoencoder_folder: Path,
    *,
    seed: int,
    workspace: Path,
    compute: Compute,
) -> dict[str, Any]:
    """Train a new model for some steps in ``workspace``, draw some batches of the trained one, and take the time.

    Returns the JSON-able result: ``kind``, ``name``, ``metrics`` (name -> number), ``points`` (images per second at
    each number of sampler steps) and ``provenance``.

    Raises:
        InputError: the first stage, the latents or the dataset do not fit the model, or steps the schedule.
    """
    model = LatentDiffusionModel.load(ldm_folder)
    model.check_first_stage(autoencoder_folder)
    for sampler in spec.samplers().values():
        check_steps(sampler, model.scheduler.config.num_train_timesteps)
    training = measure_training(  # first, for the peak of its memory; what is drawn with goes to the device after it
        spec, ldm, latents_folder, dataset_folder, autoencoder_folder, seed=seed, workspace=workspace, compute=compute
    )
    device = compute.torch_device()
    first_stage = FirstStage.load(autoencoder_folder).to(device)
    sampling = SamplingSpeed(spec, model.to(device), first_stage, dataset_folder, seed=seed, device=device)
    per_s = sampling.images_per_s()
    double = sampling.images_per_s_double()
    return {
        "kind": "throughput",
        "name": spec.name,
        "metrics": _training_metrics(training, ldm)
        | {"samples_per_s": per_s[max(per_s)], "samples_per_s_double": double},
        "points": [{"value": steps, "metrics": {"samples_per_s": rate}} for steps, rate in per_s.items()],
        "provenance": {
            "ldm": describe_model(ldm, ldm_folder, model),
            "device": describe_device(compute),
            "protocol": _protocol(spec, training, model),
        },
    }


def _training_metrics(training: TrainingSpeed, ldm: LDM) -> dict[str, float]:
    images_per_s = ldm.training.batch_size / training.step_s
    return {
        "train_samples_per_s": images_per_s,
        "train_step_s": training.step_s,
        "hours_per_epoch": training.images / images_per_s / HOUR,
        "device_days": ldm.training.steps * training.step_s / DAY,
        "peak_memory_mib": training.peak_memory_mib,
    }


def _protocol(spec: Throughput, training: TrainingSpeed, model: LatentDiffusionModel) -> dict[str, Any]:
    side = model.info.latent_shape[1] * model.info.factor
    steps = max(spec.sampler_steps)
    return {
        "training": f"median of {spec.training_steps} steps after {spec.warmup} that are not timed; reading the batch "
        "included, validation and saving excluded",
        "images_of_an_epoch": training.images,
        "sampling": f"one batch of {spec.sampling_batch}, decoding included, after a batch that is not timed",
        "sampler": spec.samplers()[steps].model_dump(mode="json"),
        "guidance_scale": 1.0,
        "image_size": side,
        "image_size_double": 2 * side,
        "peak_memory": training.peak_memory_of,
    }
