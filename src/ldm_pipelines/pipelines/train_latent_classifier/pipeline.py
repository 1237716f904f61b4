"""``train_latent_classifier.NAME``"""

from kedro.pipeline import Pipeline, node

from ldm_pipelines.diffusion.latent_classifier_spec import LatentClassifier
from ldm_pipelines.pipelines.train_latent_classifier.nodes import train_classifier


def create(latent_classifier: LatentClassifier) -> Pipeline:
    name = latent_classifier.name
    return Pipeline([
        node(
            train_classifier,
            inputs={
                "latent_classifier": f"params:latent_classifiers.{name}",
                "seed": "params:seed",
                "latents": f"latents/{latent_classifier.latent}",
                "compute": "params:compute",
            },
            outputs=[f"training/latent_classifiers/{name}", f"curves/latent_classifiers/{name}",
                     f"latent_classifiers/{name}"],
            name=f"train_latent_classifier.{name}",
        )
    ])  # fmt: skip
