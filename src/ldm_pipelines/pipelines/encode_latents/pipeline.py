"""``encode_latents.NAME``"""

from kedro.pipeline import Pipeline, node

from ldm_pipelines.latents.spec import Latents
from ldm_pipelines.pipelines.encode_latents.nodes import encode_latents


def create(latents: Latents) -> Pipeline:
    return Pipeline([
        node(
            encode_latents,
            inputs={
                "latents": f"params:latents.{latents.name}",
                "dataset": f"datasets/{latents.dataset}",
                "autoencoder": f"autoencoders/{latents.autoencoder}",
                "compute": "params:compute",
            },
            outputs=f"latents/{latents.name}",
            name=f"encode_latents.{latents.name}",
        )
    ])  # fmt: skip
