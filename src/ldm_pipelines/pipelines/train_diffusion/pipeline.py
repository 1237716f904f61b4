"""``train_diffusion.NAME``"""

from kedro.pipeline import Pipeline, node

from ldm_pipelines.diffusion.spec import LDM
from ldm_pipelines.pipelines.train_diffusion.nodes import train_diffusion


def create(ldm: LDM) -> Pipeline:
    name = ldm.name
    return Pipeline([
        node(
            train_diffusion,
            inputs={
                "ldm": f"params:ldms.{name}",
                "seed": "params:seed",
                "latents": f"latents/{ldm.latent}",
                "dataset": f"datasets/{ldm.dataset}",
                "autoencoder": f"autoencoders/{ldm.autoencoder}",
                "compute": "params:compute",
            },
            outputs=[f"training/ldms/{name}", f"curves/ldms/{name}", f"ldms/{name}"],
            name=f"train_diffusion.{name}",
        )
    ])  # fmt: skip
