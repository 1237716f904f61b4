"""Networks that cannot measure what they are asked to are refused before anything is trained."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from support.parameters import set_at

from ldm_pipelines.config.compose import compose
from ldm_pipelines.config.study import read_study
from ldm_pipelines.errors import InputError

PROJECT = Path(__file__).parents[2]
PUBLISHED = {
    "inception": {"kind": "inception_fidelity", "upstream": "-"},
    "psim": {"kind": "psim_vgg", "upstream": "-"},
    "lpips": {"kind": "lpips", "net": "vgg", "upstream": "-"},
}


@pytest.fixture(scope="module")
def parameters() -> dict[str, Any]:
    composed: dict[str, Any] = yaml.safe_load(compose(PROJECT, ["study=smoke_tasks"]))
    composed["feature_networks"] |= PUBLISHED
    return composed


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("references.scenes_train.feature_network", "psim", r"references\.scenes_train\.feature_network: 'psim' \(psim_vgg\) is a perceptual distance without pooled features"),
        ("references.scenes_train.feature_network", "lpips", r"references\.scenes_train\.feature_network: 'lpips' \(lpips\) is a perceptual distance"),
        ("evaluations.photos_super_resolution.perceptual_network", "inception", r"evaluations\.photos_super_resolution\.perceptual_network: 'inception' \(inception_fidelity\) has no perceptual distance.*psim_vgg; of this study's: digits_classifier, lpips, photos_classifier, psim, scenes_rotation"),
        ("evaluations.photos_bicubic.perceptual_network", "inception", r"evaluations\.photos_bicubic\.perceptual_network: 'inception'"),
        ("reconstructions.photos_vq_f4.perceptual_network", "inception", r"reconstructions\.photos_vq_f4\.perceptual_network: 'inception'"),
        ("reconstructions.photos_vq_f4.feature_network", "lpips", r"reconstructions\.photos_vq_f4\.feature_network: 'lpips'"),
    ],
)  # fmt: skip
def test_a_distance_measures_no_features_and_features_alone_no_distance(
    parameters: dict[str, Any], path: str, value: Any, message: str
) -> None:
    read_study(parameters, "params.yaml")
    with pytest.raises(InputError, match=message):
        read_study(set_at(parameters, path, value), "params.yaml")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("evaluations.photos_super_resolution.perceptual_network", "psim"),
        ("evaluations.photos_super_resolution.perceptual_network", "lpips"),
        ("evaluations.scenes_text.perceptual_network", "inception"),  # nothing is compared one by one there
    ],
)
def test_what_can_measure_passes(parameters: dict[str, Any], path: str, value: str) -> None:
    read_study(set_at(parameters, path, value), "params.yaml")
