"""``verify``"""

from collections.abc import Iterable

from kedro.pipeline import Pipeline, node

from ldm_pipelines.pipelines.verify.nodes import verify_study


def create(tables: Iterable[str]) -> Pipeline:
    """Hold the written tables against what they rest on; takes them rendered anew."""
    return Pipeline([
        node(
            verify_study,
            inputs={
                "reporting": "reporting",
                "parameters": "parameters",
                "compute": "params:compute",
                **{name: f"rendered/{name}" for name in tables},
            },
            outputs=None,
            name="verify",
        )
    ])  # fmt: skip
