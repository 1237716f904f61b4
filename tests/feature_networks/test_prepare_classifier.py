import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ldm_pipelines.compute import Compute
from ldm_pipelines.errors import InputError
from ldm_pipelines.feature_networks.networks import load_network
from ldm_pipelines.feature_networks.prepare import prepare
from ldm_pipelines.feature_networks.spec import Classifier
from ldm_pipelines.preparation.prepare import prepare as prepare_dataset
from ldm_pipelines.preparation.spec import Dataset

Spec = Callable[..., Classifier]


def test_a_short_training_recognises_unseen_digits(
    digits_folder: Path, classifier_spec: Spec, compute: Compute, tmp_path: Path
) -> None:
    artefact = prepare(classifier_spec(), digits_folder, seed=0, workspace=tmp_path, compute=compute)
    metrics = json.loads((artefact / "metrics.json").read_text())
    assert metrics["accuracy"] > 0.6  # chance is 0.1
    assert metrics["test_images"] > 30
    assert (artefact / "curves.csv").read_text().startswith("step,train_accuracy,train_loss\n")
    assert (artefact / "pictures" / "mistakes.png").exists()
    assert load_network(artefact).config["classes"] == [str(digit) for digit in range(10)]


def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_network(
    digits_folder: Path, classifier_spec: Spec, compute: Compute, tmp_path: Path
) -> None:
    def weights(seed: int, attempt: str) -> bytes:
        spec = classifier_spec(steps=4)
        artefact = prepare(spec, digits_folder, seed=seed, workspace=tmp_path / attempt, compute=compute)
        return (artefact / "model.safetensors").read_bytes()

    assert weights(1, "a") == weights(1, "b")
    assert weights(2, "c") != weights(1, "d")


def test_accuracy_does_not_depend_on_the_inference_batch_size(
    digits_folder: Path, classifier_spec: Spec, compute: Compute, tmp_path: Path
) -> None:
    def accuracy(batch_size: int) -> str:
        here = compute.model_copy(update={"inference_batch_size": batch_size})
        workspace = tmp_path / str(batch_size)
        return (
            prepare(classifier_spec(steps=8), digits_folder, seed=0, workspace=workspace, compute=here) / "metrics.json"
        ).read_text()

    assert accuracy(7) == accuracy(1000)


def image_folder(tmp_path: Path, labels: list[str]) -> Path:
    raw = tmp_path / "raw"
    raw.mkdir()
    for number in range(len(labels)):
        pixels = np.random.default_rng(number).integers(0, 256, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(raw / f"{number}.png")
    rows = "".join(f"{number}.png,{label}\n" for number, label in enumerate(labels))
    (raw / "labels.csv").write_text("path,label\n" + rows)
    spec = Dataset.model_validate(
        {
            "name": "noise",
            "source": {"kind": "image_folder", "labels": "labels.csv"},
            "upstream": "raw",
            "image_size": 16,
            "resize": "box",
            "splits": {"train": 0.5, "validation": 0.5, "test": 0.0},
        }
    )
    return prepare_dataset(spec, raw, tmp_path / "prepared", progress=False)


def test_a_dataset_of_one_class_is_refused(classifier_spec: Spec, compute: Compute, tmp_path: Path) -> None:
    folder = image_folder(tmp_path, ["cat"] * 8)
    with pytest.raises(InputError, match=r"few_digits_classifier: a classifier needs two classes.*'noise' has 1"):
        prepare(classifier_spec(), folder, seed=0, workspace=tmp_path, compute=compute)


def test_more_stages_than_the_image_can_be_halved_are_refused(
    digits_folder: Path, classifier_spec: Spec, compute: Compute, tmp_path: Path
) -> None:
    spec = classifier_spec().model_copy(update={"channels": (8,) * 6})
    with pytest.raises(InputError, match="halve the image 5 times, which 16 pixels do not allow"):
        prepare(spec, digits_folder, seed=0, workspace=tmp_path, compute=compute)


def test_a_classifier_without_a_dataset_is_refused(classifier_spec: Spec, compute: Compute, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="needs a dataset"):
        prepare(classifier_spec(), None, seed=0, workspace=tmp_path, compute=compute)
