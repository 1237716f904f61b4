"""``train_feature_network.NAME``"""

from kedro.pipeline import Pipeline, node

from ldm_pipelines.evaluation.networks.spec import Published
from ldm_pipelines.feature_networks.spec import Classifier, Lpips, Rotation
from ldm_pipelines.pipelines.train_feature_network.nodes import (
    import_lpips,
    record_published,
    train_classifier,
    train_rotation,
)


def create(network: Classifier | Rotation | Lpips | Published) -> Pipeline:
    name = network.name
    inputs = {"feature_network": f"params:feature_networks.{name}", "seed": "params:seed", "compute": "params:compute"}
    outputs = [f"training/feature_networks/{name}", f"curves/feature_networks/{name}", f"feature_networks/{name}"]
    called = f"train_feature_network.{name}"
    if isinstance(network, Lpips):
        return Pipeline([node(import_lpips, inputs=inputs, outputs=outputs, name=called)])
    if isinstance(network, Published):
        return Pipeline([node(record_published, inputs=inputs, outputs=outputs, name=called)])
    inputs["dataset"] = f"datasets/{network.dataset}"
    # one function per kind: Kedro builds a parameter from its type only where that is one model, not a union
    train = train_classifier if isinstance(network, Classifier) else train_rotation
    return Pipeline([node(train, inputs=inputs, outputs=outputs, name=called)])
