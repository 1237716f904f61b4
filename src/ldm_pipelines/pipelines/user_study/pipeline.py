"""``make_user_study.NAME`` and ``read_user_study.NAME``"""

from kedro.pipeline import Pipeline, node

from ldm_pipelines.pipelines.user_study.nodes import make_user_study, read_preference, read_rival_preference
from ldm_pipelines.user_study.spec import UserStudy


def create_for_page(study: UserStudy) -> Pipeline:
    name = study.name
    return Pipeline([
        node(
            make_user_study,
            inputs={
                "study": f"params:user_studies.{name}",
                "samples": f"samples/{study.samples}",
                "rival": f"samples/{study.rival}",
                "dataset": f"datasets/{study.dataset}",
                "compute": "params:compute",
            },
            outputs=f"user_studies/{name}",
            name=f"make_user_study.{name}",
        )
    ])  # fmt: skip


def create_for_answers(study: UserStudy) -> Pipeline:
    """A node per result: that of the samples, and that of the rival."""
    inputs = {
        "study": f"params:user_studies.{study.name}",
        "made": f"user_studies/{study.name}",
        "compute": "params:compute",
    }
    readers = {study.name: read_preference, study.rival_result: read_rival_preference}
    return Pipeline([
        node(read, inputs=inputs, outputs=f"metrics/{study.suite}/{result}", name=f"read_user_study.{result}")
        for result, read in readers.items()
    ])  # fmt: skip
