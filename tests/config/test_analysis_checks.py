"""Sweeps and throughputs that cannot be are refused before anything is trained."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from support.parameters import set_at

from ldm_pipelines.config.compose import compose
from ldm_pipelines.config.study import read_study
from ldm_pipelines.errors import InputError

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def parameters() -> dict[str, Any]:
    composed: dict[str, Any] = yaml.safe_load(compose(PROJECT, ["study=smoke"]))
    return composed


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("sweeps.digits_class_training.values", [5, 10, 20], r"'digits_class' keeps no model of step 5, only of 10, 20; add to ldms\.digits_class\.training\.snapshots"),
        ("sweeps.digits_class_training.values", [20, 10], "must rise, but is 20, 10"),
        ("sweeps.digits_class_training.values", [], r"sweeps\.digits_class_training\.values: .*at least 1 item"),
        ("sweeps.digits_class_training.sampler.steps", 7, r"sweeps\.digits_class_training\.sampler\.steps = 7: .*nearest valid: 5 and 8"),
        ("sweeps.digits_class_sampling.values", [2, 7], r"sweeps\.digits_class_sampling\.values: sampler\.steps = 7: .*nearest valid: 5 and 8"),
        ("sweeps.digits_class_sampling.axis", "steps", r"sweeps\.digits_class_sampling\.axis"),
        ("sweeps.digits_class_sampling.ldm", "digit_class", "no ldms named 'digit_class'; did you mean 'digits_class'"),
        ("sweeps.digits_class_sampling.feature_network", "other", "must be 'digits_classifier', that of the reference 'digits_train'"),
        ("sweeps.digits_class_sampling.autoencoder", "digits_vq_f4", "must be 'digits_kl_f4', that of the model 'digits_class'"),
        ("throughputs.digits_class.latent", "digits_vq", "must be 'digits_kl_f4', that of the model 'digits_class'"),
        ("throughputs.digits_class.sampler_steps", [2, 7], r"throughputs\.digits_class\.sampler_steps: sampler\.steps = 7: .*nearest valid: 5 and 8"),
        ("throughputs.digits_class.warmup", 0, r"throughputs\.digits_class\.warmup"),
        ("throughputs.digits_class.suite", "class_conditional", "2 results are called 'digits_class' in suite 'class_conditional'"),
    ],
)  # fmt: skip
def test_an_analysis_that_cannot_be_is_refused_with_the_key(
    parameters: dict[str, Any], path: str, value: Any, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        read_study(set_at(parameters, path, value), "params.yaml")


def test_a_sweep_under_guidance_needs_a_model_that_learnt_its_null_condition(parameters: dict[str, Any]) -> None:
    guided = set_at(parameters, "sweeps.digits_class_sampling.guidance_scale", 2.0)
    read_study(guided, "params.yaml")
    with pytest.raises(InputError, match=r"sweeps\.digits_class_sampling\.guidance_scale must be 1"):
        read_study(set_at(guided, "ldms.digits_class.conditioning.null_probability", 0.0), "params.yaml")
