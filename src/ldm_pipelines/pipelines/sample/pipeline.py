"""``sample.NAME``"""

from kedro.pipeline import Pipeline, node

from ldm_pipelines.pipelines.sample.nodes import draw_samples
from ldm_pipelines.sampling.spec import Samples


def create(samples: Samples) -> Pipeline:
    name = samples.name
    inputs = {
        "samples": f"params:samples.{name}",
        "seed": "params:seed",
        "ldm": f"ldms/{samples.ldm}",
        "autoencoder": f"autoencoders/{samples.autoencoder}",
        "dataset": f"datasets/{samples.dataset}",
        "compute": "params:compute",
    }
    if samples.classifier_guidance:
        inputs["classifier"] = f"latent_classifiers/{samples.classifier_guidance.classifier}"
    outputs = [f"grids/samples/{name}", f"samples/{name}"]
    return Pipeline([node(draw_samples, inputs=inputs, outputs=outputs, name=f"sample.{name}")])
