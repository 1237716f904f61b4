"""``sample.NAME``"""

from kedro.pipeline import Pipeline, node

from ldm_pipelines.diffusion.spec import Samples
from ldm_pipelines.pipelines.sample.nodes import draw_samples


def create(samples: Samples) -> Pipeline:
    name = samples.name
    return Pipeline([
        node(
            draw_samples,
            inputs={
                "samples": f"params:samples.{name}",
                "seed": "params:seed",
                "ldm": f"ldms/{samples.ldm}",
                "autoencoder": f"autoencoders/{samples.autoencoder}",
                "compute": "params:compute",
            },
            outputs=[f"grids/samples/{name}", f"samples/{name}"],
            name=f"sample.{name}",
        )
    ])  # fmt: skip
