"""``baseline.NAME``"""

from kedro.pipeline import Pipeline, node

from ldm_pipelines.pipelines.baseline.nodes import restore_without_model
from ldm_pipelines.sampling.spec import Baseline


def create(baseline: Baseline) -> Pipeline:
    name = baseline.name
    return Pipeline([
        node(
            restore_without_model,
            inputs={
                "baseline": f"params:baselines.{name}",
                "ldm": f"params:ldms.{baseline.ldm}",
                "dataset": f"datasets/{baseline.dataset}",
                "compute": "params:compute",
            },
            outputs=[f"grids/samples/{name}", f"samples/{name}"],
            name=f"baseline.{name}",
        )
    ])  # fmt: skip
