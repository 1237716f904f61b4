"""Quality along an axis, and what a model costs."""

import shutil
from pathlib import Path

from ldm_pipelines.analysis.spec import Sweep, Throughput
from ldm_pipelines.compute import Compute
from ldm_pipelines.diffusion.spec import LDM
from ldm_pipelines.pipelines.measured import Measured
from ldm_pipelines.pipelines.workspace import temporary, workspace_for
from ldm_pipelines.seeding import derive_seed


def run_sweep(
    sweep: Sweep,
    ldm: LDM,
    seed: int,
    model: Path,
    autoencoder: Path,
    dataset: Path,
    reference: Path,
    feature_network: Path,
    perceptual_network: Path,
    compute: Compute,
) -> Measured:
    """Metrics at every value, with what they were measured on."""
    from ldm_pipelines.analysis import sweep as measure

    seed = derive_seed(seed, "sweep", sweep.name)
    inputs = measure.Inputs(model, autoencoder, dataset, reference, feature_network, perceptual_network)
    workspace = workspace_for(
        "sweep", sweep, seed, compute, model, autoencoder, dataset, reference, feature_network, perceptual_network
    )
    result = measure.run_sweep(sweep, ldm, inputs, seed=seed, workspace=workspace, compute=compute)
    shutil.rmtree(workspace)
    return Measured.of(result)


def measure_throughput(
    throughput: Throughput,
    ldm: LDM,
    seed: int,
    model: Path,
    latents: Path,
    dataset: Path,
    autoencoder: Path,
    compute: Compute,
) -> Measured:
    """Images per second of training and sampling, memory, with the machine they were measured on."""
    from ldm_pipelines.analysis import throughput as measure

    seed = derive_seed(seed, "measure_throughput", throughput.name)
    with temporary("measure_throughput", compute) as workspace:
        result = measure.measure_throughput(
            throughput, ldm, model, latents, dataset, autoencoder, seed=seed, workspace=workspace, compute=compute
        )
    return Measured.of(result)
