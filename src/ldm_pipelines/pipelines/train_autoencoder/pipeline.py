"""``train_autoencoder.NAME``"""

from kedro.pipeline import Pipeline, node

from ldm_pipelines.autoencoders.spec import Autoencoder
from ldm_pipelines.pipelines.train_autoencoder.nodes import train_autoencoder


def create(autoencoder: Autoencoder) -> Pipeline:
    name = autoencoder.name
    return Pipeline([
        node(
            train_autoencoder,
            inputs={
                "autoencoder": f"params:autoencoders.{name}",
                "seed": "params:seed",
                "dataset": f"datasets/{autoencoder.dataset}",
                "feature_network": f"feature_networks/{autoencoder.feature_network}",
                "compute": "params:compute",
            },
            outputs=[
                f"grids/autoencoders/{name}",
                f"training/autoencoders/{name}",
                f"curves/autoencoders/{name}",
                f"autoencoders/{name}",
            ],
            name=f"train_autoencoder.{name}",
        )
    ])  # fmt: skip
