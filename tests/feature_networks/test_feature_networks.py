import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from ldm_pipelines.errors import InputError
from ldm_pipelines.feature_networks.classifier import ClassifierNetwork
from ldm_pipelines.feature_networks.features import PerceptualDistance, unit
from ldm_pipelines.feature_networks.networks import load_network, load_perceptual, save_network


def small_classifier() -> ClassifierNetwork:
    torch.manual_seed(0)
    return ClassifierNetwork("small", channels=(8, 12), classes=("cat", "dog", "eel"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_network(small_classifier(), tmp_path)
    return tmp_path


def test_a_saved_network_comes_back_equal_frozen_and_with_the_digest_of_its_weights(folder: Path) -> None:
    x = torch.rand(2, 3, 16, 16) * 2 - 1
    network = load_network(folder)
    expected, found = small_classifier()(x), network(x)
    assert found.pool.equal(expected.pool)
    assert found.logits.equal(expected.logits)
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert network.name == "small"
    assert network.digest == hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


def test_a_network_stays_in_evaluation_mode_when_its_parent_trains(folder: Path) -> None:
    parent = nn.Sequential(load_perceptual(folder), nn.Dropout())
    parent.train()
    assert parent[1].training
    assert not any(module.training for module in parent[0].network.modules())


def test_features_have_the_documented_shapes_and_every_stage_halves_the_image() -> None:
    network = small_classifier()
    x = torch.rand(5, 3, 16, 16)
    assert [tuple(stage.shape) for stage in network.stages(x)] == [(5, 8, 16, 16), (5, 12, 8, 8)]
    features = network(x)
    assert features.pool.shape == (5, 12)
    assert features.logits.shape == (5, 3)


def test_the_perceptual_distance_is_the_squared_difference_of_unit_vectors_per_pixel() -> None:
    network = small_classifier()
    x, y = torch.rand(2, 4, 3, 16, 16) * 2 - 1
    with torch.no_grad():
        found = PerceptualDistance(network)(x, y).numpy()
        stages = [[stage.double().numpy() for stage in network.stages(images)] for images in (x, y)]
    expected = np.zeros(4)
    for a, b in zip(*stages, strict=True):
        cosine = (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
        expected += (2 - 2 * cosine).mean(axis=(1, 2))  # |u - v|^2 of unit vectors
    assert np.allclose(found, expected, rtol=1e-4)


def test_the_distance_of_an_image_to_itself_is_zero_and_it_is_symmetric() -> None:
    distance = PerceptualDistance(small_classifier())
    x, y = torch.rand(2, 2, 3, 16, 16)
    with torch.no_grad():
        assert distance(x, x).tolist() == [0, 0]
        assert torch.allclose(distance(x, y), distance(y, x))


def test_unit_vectors_have_a_finite_gradient_where_all_channels_are_zero() -> None:
    activation = torch.zeros(1, 4, 2, 2, requires_grad=True)
    unit(activation).square().sum().backward()
    assert activation.grad is not None
    assert activation.grad.isfinite().all()


def test_a_folder_that_is_no_network_is_refused_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=str(tmp_path)):
        load_network(tmp_path)


def test_a_truncated_weights_file_is_refused(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(InputError, match="not a finished feature network"):
        load_network(folder)


def test_an_unknown_kind_is_refused_with_the_nearest_known_one(folder: Path) -> None:
    config = folder / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "kind": "clasifier"}))
    with pytest.raises(InputError, match="did you mean 'classifier'"):
        load_network(folder)
