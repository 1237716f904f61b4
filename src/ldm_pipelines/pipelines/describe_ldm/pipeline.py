"""``describe_ldm.NAME``"""

from kedro.pipeline import Pipeline, node

from ldm_pipelines.config.study import Study
from ldm_pipelines.diffusion.spec import LDM
from ldm_pipelines.pipelines.describe_ldm.nodes import describe_ldm
from ldm_pipelines.reporting.tables.spec import DESCRIPTIONS


def create(ldm: LDM, study: Study) -> Pipeline:
    """Put a model into the words of the paper."""
    known = ldm.autoencoder in study.autoencoders
    first_stage = {"autoencoder": f"params:autoencoders.{ldm.autoencoder}"} if known else {}
    return Pipeline([
        node(
            describe_ldm,
            inputs={
                "ldm": f"params:ldms.{ldm.name}",
                "dataset": f"params:datasets.{ldm.dataset}",
                **first_stage,
            },
            outputs=f"metrics/{DESCRIPTIONS}/{ldm.name}",
            name=f"describe_ldm.{ldm.name}",
        )
    ])  # fmt: skip
