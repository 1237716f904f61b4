"""What records are held against: names of artefacts, parameters of every node, and the records that DVC knows."""

from pathlib import Path

import pytest
import yaml
from support.clone import PROJECT

from ldm_pipelines.config.compose import read_params
from ldm_pipelines.config.study import read_study
from ldm_pipelines.digests import digest_parameters
from ldm_pipelines.tracking.hooks import RECORDS, TRACKED_STAGES
from ldm_pipelines.verification.names import Names
from ldm_pipelines.verification.records import parameters_of

STAGES = yaml.safe_load((PROJECT / "dvc.yaml").read_text())["stages"]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("data/03_primary/digits", "datasets/digits"),
        ("data/04_feature/digits_train", "references/digits_train"),
        ("data/05_model_input/digits_kl_f4", "latents/digits_kl_f4"),
        ("data/06_models/ldms/digits_class", "ldms/digits_class"),
        ("data/08_reporting/training/ldms/digits_class.json", "training/ldms/digits_class"),
        ("data/08_reporting/training/ldms/digits_class.csv", None),
        ("data/08_reporting/metrics/class_conditional/free_guidance/a.json", "metrics/class_conditional/free_guidance/a"),
        ("data/08_reporting/user_study/inpainting", "user_studies/inpainting"),
        ("data/08_reporting/provenance/sample.a.json", None),
        ("src/ldm_pipelines/data", None),
    ],
)  # fmt: skip
def test_a_path_has_the_name_that_the_catalog_gives_it(path: str, name: str | None) -> None:
    assert Names(PROJECT).of(PROJECT / path) == name


def test_what_lies_elsewhere_has_no_name(tmp_path: Path) -> None:
    assert Names(PROJECT).of(tmp_path / "data/03_primary/digits") is None


def test_both_results_of_a_user_study_were_made_with_its_parameters() -> None:
    study = read_study(read_params(PROJECT), "params.yaml")
    parameters = parameters_of(study)
    for name, entity in study.user_studies.items():
        digest = digest_parameters(entity)
        assert parameters[f"read_user_study.{name}"] == parameters[f"read_user_study.{name}_rival"] == digest
    assert parameters["train_diffusion.digits_class"] == digest_parameters(study.ldms["digits_class"])


@pytest.mark.parametrize("stage", TRACKED_STAGES)
def test_a_record_is_an_output_that_the_run_cache_carries(stage: str) -> None:
    """DVC keeps no run of a stage with an uncached output, unless that is a metric or a plot."""
    makes = STAGES[stage]["do"]
    assert {f"{RECORDS}/{stage}.${{key}}.json": {"cache": False}} in makes["plots"]


def test_stages_whose_outputs_are_heavy_are_kept_in_the_run_cache() -> None:
    for stage in ("train_autoencoder", "train_diffusion", "encode_latents", "sample", "evaluate_reference"):
        assert all(isinstance(out, str) for out in STAGES[stage]["do"]["outs"])
