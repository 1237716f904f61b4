"""``prepare_data.NAME``"""

from kedro.pipeline import Pipeline, node

from ldm_pipelines.pipelines.prepare_data.nodes import prepare_data
from ldm_pipelines.preparation.spec import Dataset


def create(dataset: Dataset) -> Pipeline:
    name = dataset.name
    return Pipeline([
        node(
            prepare_data,
            inputs={"dataset": f"params:datasets.{name}", "compute": "params:compute"},
            outputs=[f"datasets/{name}", f"data_cards/{name}"],
            name=f"prepare_data.{name}",
        )
    ])  # fmt: skip
