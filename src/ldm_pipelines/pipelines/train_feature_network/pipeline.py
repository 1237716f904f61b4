"""``train_feature_network.NAME``"""

from kedro.pipeline import Pipeline, node

from ldm_pipelines.feature_networks.spec import Classifier, Lpips
from ldm_pipelines.pipelines.train_feature_network.nodes import import_lpips, train_classifier


def create(network: Classifier | Lpips) -> Pipeline:
    name = network.name
    inputs = {"feature_network": f"params:feature_networks.{name}", "seed": "params:seed", "compute": "params:compute"}
    outputs = [f"training/feature_networks/{name}", f"curves/feature_networks/{name}", f"feature_networks/{name}"]
    called = f"train_feature_network.{name}"
    if isinstance(network, Lpips):
        return Pipeline([node(import_lpips, inputs=inputs, outputs=outputs, name=called)])
    inputs["dataset"] = f"datasets/{network.dataset}"
    return Pipeline([node(train_classifier, inputs=inputs, outputs=outputs, name=called)])
