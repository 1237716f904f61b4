"""User studies in ``params.yaml``."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from ldm_pipelines.config.compose import compose
from ldm_pipelines.config.study import read_study
from ldm_pipelines.errors import InputError

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def smoke_tasks() -> dict[str, Any]:
    composed: dict[str, Any] = yaml.safe_load(compose(PROJECT, ["study=smoke_tasks"]))
    return composed


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("samples", "photos_super_resolutio", "no samples named .* did you mean 'photos_super_resolution'"),
        ("rival", "photos_bicubi", "no samples or baselines named 'photos_bicubi'; did you mean 'photos_bicubic'"),
        ("rival", "photos_super_resolution", "rival must be another set than the samples"),
        ("rival", "photos_nearest_fill", "'photos_nearest_fill' was made from other conditions than the samples"),
        ("rival", "scenes_text", "'scenes_text' has conditions of dataset 'scenes', the samples .* of 'photos'"),
        ("split", "train", "split must be 'test', that of the samples 'photos_super_resolution'"),
        ("questions", 4, "needs 14 images .* but one of the sets has 12"),
        ("second", 3, "second: unknown key; did you mean 'seconds'"),
    ],
)
def test_a_user_study_that_cannot_be_is_refused_before_anything_is_sampled(
    smoke_tasks: dict[str, Any], path: str, value: Any, message: str
) -> None:
    smoke_tasks["user_studies"]["super_resolution"][path] = value
    with pytest.raises(InputError, match=message):
        read_study(smoke_tasks, "params.yaml")


def test_both_results_of_a_user_study_can_stand_in_a_table_and_have_names_of_their_own(
    smoke_tasks: dict[str, Any],
) -> None:
    results = read_study(smoke_tasks, "params.yaml").results()
    assert results["super_resolution"] == results["super_resolution_rival"]
    assert results["super_resolution"].suite == "user_study"
    smoke_tasks["evaluations"]["super_resolution_rival"] = smoke_tasks["evaluations"]["photos_bicubic"]
    with pytest.raises(InputError, match="there is another result named 'super_resolution_rival'"):
        read_study(smoke_tasks, "params.yaml")
