from pathlib import Path

import numpy as np
import pytest
import torch

from ldm_pipelines.data.prepared import PreparedDataset
from ldm_pipelines.errors import InputError
from ldm_pipelines.evaluation.networks.measuring import StudyNetwork
from ldm_pipelines.feature_networks.lpips_network import LpipsNetwork
from ldm_pipelines.feature_networks.networks import load_network


def test_a_study_network_measures_8_bit_pixels_as_it_sees_images_from_minus_one_to_one(
    network: Path, dataset: Path
) -> None:
    prepared = PreparedDataset(dataset)
    pixels = prepared.split("test").pixels(np.arange(6))
    plain = load_network(network)
    study = StudyNetwork(load_network(network), "cpu")
    pool, logits, spatial = study.measure(pixels)
    expected = plain(torch.from_numpy(pixels).permute(0, 3, 1, 2) / 127.5 - 1)
    assert logits is not None
    torch.testing.assert_close(pool, expected.pool)
    torch.testing.assert_close(logits, expected.logits)
    assert spatial is None
    assert study.classes == prepared.classes
    assert (study.name, study.digest, study.config) == ("classifier", plain.digest, {"kind": "classifier"})
    assert not study.imagenet


def test_quarter_turns_are_classes_too(rotation: Path) -> None:
    assert StudyNetwork(load_network(rotation), "cpu").classes == ["0", "90", "180", "270"]


def test_a_network_without_pooled_features_is_refused() -> None:
    study = StudyNetwork(LpipsNetwork("lpips_alex", "alex").to_empty(device="cpu"), "cpu")
    with pytest.raises(InputError, match="no pooled features"):
        study.measure(np.zeros((1, 64, 64, 3), np.uint8))
