"""``figures.NAME``"""

from kedro.pipeline import Pipeline, node

from ldm_pipelines.pipelines.figures.nodes import draw_figure
from ldm_pipelines.reporting.figures.spec import Figure


def create(figure: Figure) -> Pipeline:
    """Draw a figure from the results of its lines or points."""
    return Pipeline([
        node(
            draw_figure,
            inputs={
                "figure": f"params:figures.{figure.name}",
                "study": "params:study",
                "paper": "paper/figures",
                "compute": "params:compute",
                **{f"{suite}/{name}": f"metrics/{suite}/{name}" for _, suite, name in figure.results()},
            },
            outputs=f"figures/{figure.name}",
            name=f"figures.{figure.name}",
        )
    ])  # fmt: skip
