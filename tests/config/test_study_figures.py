"""Figures as entities of a study: their references, their pipelines."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from ldm_pipelines.config.compose import compose
from ldm_pipelines.config.study import read_study
from ldm_pipelines.errors import InputError
from ldm_pipelines.pipeline_registry import pipelines_of

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def text() -> str:
    return compose(PROJECT, ["study=smoke"])


@pytest.fixture
def smoke(text: str) -> dict[str, Any]:
    parameters: dict[str, Any] = yaml.safe_load(text)
    return parameters


def test_a_figure_has_a_pipeline_of_its_own_and_one_from_raw_data(smoke: dict[str, Any]) -> None:
    registry = pipelines_of(read_study(smoke, "smoke"))
    assert {node.name for node in registry["figures.rate_distortion"].nodes} == {"figures.rate_distortion"}
    assert registry["figures.rate_distortion"].inputs() >= {"metrics/autoencoder_zoo/digits_vq_f4", "paper/figures"}
    assert {node.name for node in registry["rate_distortion"].nodes} >= {
        "prepare_data.digits", "train_autoencoder.digits_vq_f4", "figures.rate_distortion"
    }  # fmt: skip
    assert "figures.rate_distortion" in {node.name for node in registry["tables"].nodes}


def test_a_result_that_no_entity_makes_is_refused_with_the_near_miss(smoke: dict[str, Any]) -> None:
    smoke["figures"]["rate_distortion"]["points"] = ["digits_kl_f4", "digits_vqf4"]
    problem = r"figures.rate_distortion.points\[1\]: .* 'digits_vqf4' in suite 'autoencoder_zoo'; did you mean 'digits_vq_f4'\?"
    with pytest.raises(InputError, match=problem):
        read_study(smoke, "smoke")


def test_a_result_of_another_suite_is_refused(smoke: dict[str, Any]) -> None:
    smoke["figures"]["rate_distortion"]["suite"] = "elsewhere"
    with pytest.raises(
        InputError, match=r"points\[0\]: no result named 'digits_kl_f4' in suite 'elsewhere'; there are none"
    ):
        read_study(smoke, "smoke")


def test_a_figure_and_a_table_of_one_name_are_refused(smoke: dict[str, Any]) -> None:
    smoke["figures"]["table_03"] = smoke["figures"]["rate_distortion"]
    with pytest.raises(InputError, match=r"figures.table_03: there is an entity of tables with this name"):
        read_study(smoke, "smoke")
