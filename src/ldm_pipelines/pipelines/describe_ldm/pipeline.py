"""``describe_ldm.NAME``"""

from kedro.pipeline import Pipeline, node

from ldm_pipelines.config.study import Study
from ldm_pipelines.diffusion.spec import LDM
from ldm_pipelines.pipelines.describe_ldm.nodes import describe_importing_ldm, describe_ldm
from ldm_pipelines.reporting.tables.spec import DESCRIPTIONS


def create(ldm: LDM, study: Study) -> Pipeline:
    """Put a model into the words of the paper."""
    inputs = {"ldm": f"params:ldms.{ldm.name}"}
    known = ldm.autoencoder in study.autoencoders
    if known:
        inputs["dataset"] = f"params:datasets.{ldm.dataset}"
        inputs["autoencoder"] = f"params:autoencoders.{ldm.autoencoder}"
    return Pipeline([
        node(
            describe_ldm if known else describe_importing_ldm,
            inputs=inputs,
            outputs=f"metrics/{DESCRIPTIONS}/{ldm.name}",
            name=f"describe_ldm.{ldm.name}",
        )
    ])  # fmt: skip
