"""Reference statistics as artefacts, and that evaluations refuse those of something else."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.sample_sets import COMPUTE, DIGITS, DISTRIBUTION, EVALUATION, measure_set, write_samples

from ldm_pipelines.data.prepared import PreparedDataset
from ldm_pipelines.data.tensors import to_tensor
from ldm_pipelines.errors import InputError
from ldm_pipelines.evaluation import batches
from ldm_pipelines.evaluation.networks.artefacts import open_network
from ldm_pipelines.evaluation.reference import ReferenceSet, evaluate_reference
from ldm_pipelines.evaluation.samples import evaluate_samples
from ldm_pipelines.evaluation.spec import Distribution, Reference
from ldm_pipelines.feature_networks.networks import load_network
from ldm_pipelines.preparation.prepare import prepare

DIGITS_TEST = Reference(name="digits_test", dataset="digits", split="test", feature_network="classifier")


def reference(dataset: Path, network: Path, workspace: Path) -> Path:
    return evaluate_reference(
        DIGITS_TEST, dataset, open_network(network, COMPUTE), workspace=workspace, compute=COMPUTE
    )


@pytest.fixture
def samples(tmp_path: Path, dataset: Path) -> Path:
    """Darkened training images."""
    split = PreparedDataset(dataset).split("train")
    pixels = split.pixels(np.arange(40)) // 2
    return write_samples(tmp_path / "samples", pixels, [""] * 40)


@torch.inference_mode()
def test_it_holds_the_moments_of_the_networks_features(tmp_path: Path, dataset: Path, network: Path) -> None:
    found = ReferenceSet(reference(dataset, network, tmp_path))
    split = PreparedDataset(dataset).split("test")
    pool = load_network(network)(to_tensor(split.pixels(np.arange(len(split))))).pool.double().numpy()
    np.testing.assert_allclose(found.features.pool, pool, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found.features.moments.mean, pool.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(found.features.moments.covariance, np.cov(pool.T), rtol=1e-3, atol=1e-7)
    assert found.features.moments.count == len(split) == found.facts["count"]
    assert found.facts["resize"] == "bilinear" and found.facts["image_size"] == 16
    assert found.facts["feature_network"]["digest"] == load_network(network).digest


def test_another_number_of_images_at_once_moves_it_by_rounding_alone(
    tmp_path: Path, dataset: Path, network: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = ReferenceSet(reference(dataset, network, tmp_path / "64")).features.moments
    monkeypatch.setattr(batches, "BATCH", 7)
    few = ReferenceSet(reference(dataset, network, tmp_path / "7")).features.moments
    np.testing.assert_allclose(few.mean, many.mean, rtol=1e-6)
    np.testing.assert_allclose(few.covariance, many.covariance, rtol=1e-5, atol=1e-9)


def test_a_reference_of_another_network_or_of_another_dataset_is_refused(
    tmp_path: Path, samples: Path, dataset: Path, network: Path, rotation: Path
) -> None:
    made = reference(dataset, rotation, tmp_path / "a")
    with pytest.raises(
        InputError, match=r"measured with 'turns', the evaluation with 'classifier', .*kind: rotation, now classifier"
    ):
        evaluate_samples(EVALUATION, samples, made, dataset, network, network, workspace=tmp_path, compute=COMPUTE)
    smaller = DIGITS.model_copy(update={"source": DIGITS.source.model_copy(update={"limit": 100})})
    other = prepare(smaller, None, tmp_path / "other", progress=False)
    made = reference(other, network, tmp_path / "b")
    with pytest.raises(InputError, match="reference 'digits_test' is of another version of 'digits'"):
        evaluate_samples(EVALUATION, samples, made, dataset, network, network, workspace=tmp_path, compute=COMPUTE)


def test_an_unfinished_reference_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a finished reference"):
        ReferenceSet(tmp_path)


def test_the_interval_of_fid_is_about_the_fid_and_the_same_every_time(
    samples: Path, dataset: Path, network: Path
) -> None:
    many = DISTRIBUTION.model_copy(update={"replicates": 40})
    first, again = (
        measure_set(EVALUATION.model_copy(update={"distribution": many}), samples, dataset, network) for _ in range(2)
    )
    low, high = first["details"]["intervals"]["fid"]
    assert low < first["metrics"]["fid"] < high
    assert first == again
    none = DISTRIBUTION.model_copy(update={"replicates": 0})
    without = measure_set(EVALUATION.model_copy(update={"distribution": none}), samples, dataset, network)
    assert "fid" not in without["details"]["intervals"]
    assert without["metrics"] == first["metrics"]


def test_a_large_reference_is_searched_for_neighbours_in_part_and_the_result_says_so(
    samples: Path, dataset: Path, network: Path
) -> None:
    def measured(images: int | None) -> dict[str, Any]:
        part = DISTRIBUTION.model_copy(update={"manifold_images": images})
        return measure_set(EVALUATION.model_copy(update={"distribution": part}), samples, dataset, network)

    count = len(PreparedDataset(dataset).split("test"))
    whole, some, all_there_are = measured(None), measured(30), measured(count)
    assert all_there_are == whole
    assert "manifold_images" not in whole["provenance"]["protocol"]
    said = some["provenance"]["protocol"]["manifold_images"]
    assert said == f"30 of the reference's {count}, drawn by a digest of their features, seed 2020"
    for name in ("fid", "kid", "is"):
        assert some["metrics"][name] == whole["metrics"][name]
    assert some["metrics"]["density"] != whole["metrics"]["density"]


def test_a_subset_for_neighbours_leaves_every_point_its_neighbours() -> None:
    with pytest.raises(ValueError, match="manifold_images must be more than the 3 neighbours"):
        Distribution(neighbours=3, manifold_images=3, is_splits=1, kid_subsets=1, kid_subset_size=2, replicates=0)
