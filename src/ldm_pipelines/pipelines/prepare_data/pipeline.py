"""``prepare_data.NAME``"""

from kedro.pipeline import Pipeline, node

from ldm_pipelines.data.spec import Dataset
from ldm_pipelines.pipelines.prepare_data.nodes import prepare_data


def create(dataset: Dataset) -> Pipeline:
    name = dataset.name
    return Pipeline([
        node(
            prepare_data,
            inputs={"dataset": f"params:datasets.{name}", "compute": "params:compute"},
            outputs=f"datasets/{name}",
            name=f"prepare_data.{name}",
        )
    ])  # fmt: skip
