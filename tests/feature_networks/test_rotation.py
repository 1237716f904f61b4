import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ldm_pipelines.compute import Compute
from ldm_pipelines.data.prepared import PreparedDataset
from ldm_pipelines.data.share import Share
from ldm_pipelines.data.tensors import to_pixels
from ldm_pipelines.errors import InputError
from ldm_pipelines.feature_networks.image_batches import ImageBatches
from ldm_pipelines.feature_networks.networks import load_network, load_perceptual
from ldm_pipelines.feature_networks.prepare import prepare
from ldm_pipelines.feature_networks.spec import Classifier, Rotation
from ldm_pipelines.feature_networks.turned_images import TURNS, TurnedImages
from ldm_pipelines.preparation.prepare import prepare as prepare_dataset
from ldm_pipelines.preparation.spec import Dataset


@pytest.fixture
def rotation_spec(classifier_spec: Callable[..., Classifier]) -> Callable[..., Rotation]:
    def make(**training: Any) -> Rotation:
        parameters = classifier_spec(**training).model_dump() | {"kind": "rotation", "name": "upright"}
        return Rotation.model_validate(parameters)

    return make


def test_the_shares_of_a_batch_are_the_batch(digits_folder: Path) -> None:
    turned = TurnedImages(ImageBatches(PreparedDataset(digits_folder).split("train"), max_shift=2))
    batch = np.array([5, 2, 7, 0])
    whole = turned.read(batch, np.random.default_rng(0))
    parts = [turned.read(batch, np.random.default_rng(0), Share(rank, 2)) for rank in range(2)]
    for part in whole:
        assert torch.equal(torch.cat([each[part] for each in parts]), whole[part])


def test_every_image_comes_in_all_four_turns_which_are_numpys(digits_folder: Path) -> None:
    source = ImageBatches(PreparedDataset(digits_folder).split("train"))
    turned, indices = TurnedImages(source), np.array([5, 2])
    batch = turned.read(indices, None)
    assert batch["label"].tolist() == [0, 1, 2, 3] * 2 and turned.labels.shape == (4 * len(source),)
    expected = [np.rot90(image, turn) for image in source.pixels(indices) for turn in range(4)]
    np.testing.assert_array_equal(to_pixels(batch["x"]), expected)
    items = np.array([4 * index + turn for index in indices for turn in range(4)])
    np.testing.assert_array_equal(turned.pixels(items), expected)
    assert turned.labels[items].tolist() == batch["label"].tolist()


def test_it_learns_which_way_up_unseen_digits_are(
    digits_folder: Path, rotation_spec: Callable[..., Rotation], compute: Compute, tmp_path: Path
) -> None:
    spec = rotation_spec(batch_size=16)
    artefact = prepare(spec, digits_folder, seed=0, workspace=tmp_path, compute=compute)
    metrics = json.loads((artefact / "metrics.json").read_text())
    assert metrics["accuracy"] > 0.5  # chance is 0.25
    assert metrics["test_images"] == len(PreparedDataset(digits_folder).split("test"))
    assert (artefact / "pictures" / "mistakes.png").exists()

    network, distance = load_network(artefact), load_perceptual(artefact)
    assert (network.kind, network.config["classes"]) == ("rotation", [*TURNS])
    x = ImageBatches(PreparedDataset(digits_folder).split("test")).read(np.arange(20), None)["x"]
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    near, far = (distance(x, x + level * noise).mean() for level in (0.05, 0.5))
    assert 0 < near < far
    assert network(x).pool.shape == (20, 64)


def test_it_needs_no_labels(rotation_spec: Callable[..., Rotation], compute: Compute, tmp_path: Path) -> None:
    scenes = prepare_dataset(
        Dataset.model_validate({
            "name": "toys",
            "source": {"kind": "scenes", "count": 40, "objects": [2, 2], "overlap": 0, "grid": None, "seed": 0},
            "upstream": "scenes.py", "image_size": 16, "resize": "box",
            "splits": {"train": 0.5, "validation": 0.0, "test": 0.5},
        }), None, tmp_path / "scenes", progress=False,
    )  # fmt: skip
    assert PreparedDataset(scenes).classes == []
    artefact = prepare(rotation_spec(steps=3), scenes, seed=0, workspace=tmp_path / "work", compute=compute)
    assert 0 <= json.loads((artefact / "metrics.json").read_text())["accuracy"] <= 1


def test_without_a_dataset_it_is_refused(
    rotation_spec: Callable[..., Rotation], compute: Compute, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"feature_networks\.upright is a rotation network and needs a dataset"):
        prepare(rotation_spec(), None, seed=0, workspace=tmp_path, compute=compute)


def test_classes_that_were_never_trained_on_do_not_count_as_mistakes(
    classifier_spec: Callable[..., Classifier], compute: Compute, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Photographs are classes of one split each, so a classifier of photographs has no accuracy on unseen ones."""
    photos = prepare_dataset(
        Dataset.model_validate({
            "name": "photos", "source": {"kind": "photos", "patch": 32, "shrink": 4, "per_photograph": 4},
            "upstream": "photos.py", "image_size": 16, "resize": "box",
        }), None, tmp_path / "photos", progress=False,
    )  # fmt: skip
    artefact = prepare(classifier_spec(steps=2), photos, seed=0, workspace=tmp_path / "work", compute=compute)
    assert json.loads((artefact / "metrics.json").read_text()) == {"validation_images": 0}
    assert "no image of a class that was trained on" in caplog.text
