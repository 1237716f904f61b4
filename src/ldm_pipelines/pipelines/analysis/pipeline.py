"""``sweep.NAME`` and ``measure_throughput.NAME``"""

from kedro.pipeline import Pipeline, node

from ldm_pipelines.analysis.spec import Sweep, Throughput
from ldm_pipelines.pipelines.analysis.nodes import measure_throughput, run_sweep


def create_for_sweep(sweep: Sweep) -> Pipeline:
    name = sweep.name
    return Pipeline([
        node(
            run_sweep,
            inputs={
                "sweep": f"params:sweeps.{name}",
                "ldm": f"params:ldms.{sweep.ldm}",
                "seed": "params:seed",
                "model": f"ldms/{sweep.ldm}",
                "autoencoder": f"autoencoders/{sweep.autoencoder}",
                "dataset": f"datasets/{sweep.dataset}",
                "reference": f"references/{sweep.reference}",
                "feature_network": f"feature_networks/{sweep.feature_network}",
                "perceptual_network": f"feature_networks/{sweep.perceptual_network}",
                "compute": "params:compute",
            },
            outputs=[f"metrics/{sweep.suite}/{name}", f"scores/{sweep.suite}/{name}"],
            name=f"sweep.{name}",
        )
    ])  # fmt: skip


def create_for_throughput(throughput: Throughput) -> Pipeline:
    name = throughput.name
    return Pipeline([
        node(
            measure_throughput,
            inputs={
                "throughput": f"params:throughputs.{name}",
                "ldm": f"params:ldms.{throughput.ldm}",
                "seed": "params:seed",
                "model": f"ldms/{throughput.ldm}",
                "latents": f"latents/{throughput.latent}",
                "dataset": f"datasets/{throughput.dataset}",
                "autoencoder": f"autoencoders/{throughput.autoencoder}",
                "compute": "params:compute",
            },
            outputs=[f"metrics/{throughput.suite}/{name}", f"scores/{throughput.suite}/{name}"],
            name=f"measure_throughput.{name}",
        )
    ])  # fmt: skip
