"""The whole way from folders to numbers, with real networks and real digits."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio
from support.sample_sets import COMPUTE, DISTRIBUTION, EVALUATION, RECONSTRUCTION, measure_rebuilt, measure_set
from support.similarity import zero_padded_ssim
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_isc import isc_features_to_metric
from torch_fidelity.metric_prc import calculate_precision_recall_full

from ldm_pipelines.autoencoders.first_stage import FirstStage
from ldm_pipelines.autoencoders.identity import IdentityModel
from ldm_pipelines.autoencoders.spec import Architecture, Autoencoder
from ldm_pipelines.data.prepared import PreparedDataset
from ldm_pipelines.data.tensors import to_pixels, to_tensor
from ldm_pipelines.errors import InputError
from ldm_pipelines.evaluation import batches
from ldm_pipelines.evaluation.distributions import measure_distances, measure_manifolds
from ldm_pipelines.evaluation.features import extract
from ldm_pipelines.evaluation.images.image_set import ImageSet
from ldm_pipelines.evaluation.images.sample_sets import SampleSet
from ldm_pipelines.evaluation.networks.artefacts import open_network
from ldm_pipelines.evaluation.networks.measuring import Outputs, StudyNetwork
from ldm_pipelines.feature_networks.frechet import frechet_distance
from ldm_pipelines.feature_networks.networks import load_network, load_perceptual


@pytest.fixture
def samples(tmp_path: Path, dataset: Path) -> Path:
    """Noisy training images, as a sampler writes its images."""
    prepared = PreparedDataset(dataset)
    split = prepared.split("train")
    count = 40
    pixels = split.pixels(np.arange(count)).astype(float)
    noise = np.random.default_rng(0).normal(size=pixels.shape) * 12
    folder = tmp_path / "samples"
    (folder / "images").mkdir(parents=True)
    for index, image in enumerate((pixels + noise).clip(0, 255).astype(np.uint8)):
        Image.fromarray(image).save(folder / f"images/{index:06d}.png")
    paths = [f"images/{index:06d}.png" for index in range(count)]
    frame = pd.DataFrame({"index": range(count), "path": paths, "label": split.labels[:count]})
    frame.to_parquet(folder / "samples.parquet", index=False)
    info = {
        "name": "digits_samples", "ldm": "digits_class", "count": count, "image_size": 16, "seed": 0,
        "sampler": {"kind": "ddim", "steps": 10, "eta": 0.0}, "guidance_scale": 1.5, "ldm_digest": "ab" * 32,
        "classes": prepared.classes,
    }  # fmt: skip
    (folder / "samples.json").write_text(json.dumps(info))
    return folder


def first_stage(folder: Path, regulariser: str) -> Path:
    architecture = Architecture(
        block_out_channels=(8, 16),
        layers_per_block=1,
        latent_channels=3,
        mid_attention=False,
        norm_num_groups=4,
        codebook_size=32 if regulariser == "vq" else None,
    )
    spec = Autoencoder.model_construct(name=regulariser, regulariser=regulariser, architecture=architecture)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        FirstStage.from_spec(spec, 16).save(folder)
    return folder


def test_sample_metrics_equal_torch_fidelity_on_the_same_features(samples: Path, dataset: Path, network: Path) -> None:
    metrics = measure_set(EVALUATION, samples, dataset, network, compute=COMPUTE)["metrics"]
    loaded, split = load_network(network), PreparedDataset(dataset).split("test")
    with torch.inference_mode():
        made = loaded(to_tensor(SampleSet(samples).pixels(np.arange(40))))
        real = loaded(to_tensor(split.pixels(np.arange(len(split)))))
    statistics = [fid_features_to_statistics(f.pool.double()) for f in (made, real)]
    fid = fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"]
    assert metrics["fid"] == pytest.approx(fid, rel=1e-4)
    score = isc_features_to_metric(made.logits, splits=2)
    assert metrics["is"] == pytest.approx(score["inception_score_mean"], rel=1e-6)
    assert metrics["is_std"] == pytest.approx(score["inception_score_std"], rel=1e-2, abs=1e-7)
    manifolds = calculate_precision_recall_full(made.pool.double(), real.pool.double(), 3)
    assert (metrics["precision"], metrics["recall"]) == pytest.approx(manifolds, abs=1e-6)
    expected = (made.logits.argmax(1).numpy() == SampleSet(samples).labels).mean()
    assert metrics["accuracy"] == pytest.approx(expected)


def test_a_result_says_what_it_rests_on_and_survives_json(samples: Path, dataset: Path, network: Path) -> None:
    result = measure_set(EVALUATION, samples, dataset, network, compute=COMPUTE)
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    provenance = result["provenance"]
    assert provenance["feature_network"]["name"] == "classifier"
    assert provenance["feature_network"]["digest"] == load_network(network).digest
    assert provenance["reference"]["digest"] == PreparedDataset(dataset).digest
    assert provenance["samples"]["ldm_digest"] == "ab" * 32
    assert provenance["samples"]["class_balance"]["classes"] == 10
    assert str(samples) not in json.dumps(result)


def test_the_training_images_themselves_are_a_perfect_sample(tmp_path: Path, dataset: Path, network: Path) -> None:
    split = PreparedDataset(dataset).split("train")
    features = extract(open_network(network, COMPUTE), split, tmp_path, compute=COMPUTE, what="train")
    assert features.pool.shape == (len(split), 12)
    found = measure_distances(features, features, DISTRIBUTION) | measure_manifolds(
        features, features, DISTRIBUTION, "cpu"
    )
    assert found.metrics["fid"] == pytest.approx(0, abs=1e-6)
    assert [found.metrics[name] for name in ("precision", "recall", "coverage")] == [1, 1, 1]


class Reordered:
    """Some images of a set, in any order."""

    def __init__(self, images: ImageSet, order: np.ndarray) -> None:
        self._images, self._order = images, order
        self.ids = [images.ids[place] for place in order]
        self.labels, self.image_size = images.labels[order], images.image_size

    def __len__(self) -> int:
        return len(self._order)

    def pixels(self, indices: np.ndarray) -> np.ndarray:
        return self._images.pixels(self._order[indices])


@pytest.mark.parametrize("count", [2, 63, 65, 130])
def test_features_of_an_image_do_not_depend_on_those_measured_with_it(
    tmp_path: Path, dataset: Path, network: Path, count: int
) -> None:
    split = PreparedDataset(dataset).split("train")
    order = np.random.default_rng(0).permutation(len(split))[:count]
    opened = open_network(network, COMPUTE)
    whole = extract(opened, split, tmp_path / "a", compute=COMPUTE, what="whole")
    some = extract(opened, Reordered(split, order), tmp_path / "b", compute=COMPUTE, what="some")
    np.testing.assert_array_equal(some.pool, whole.pool[order])
    np.testing.assert_array_equal(some.logits, whole.logits[order])


def test_distances_do_not_depend_on_the_order_of_the_images(tmp_path: Path, dataset: Path, network: Path) -> None:
    split, real = (PreparedDataset(dataset).split(name) for name in ("train", "test"))
    opened = open_network(network, COMPUTE)
    order = np.random.default_rng(0).permutation(len(split))
    reference = extract(opened, real, tmp_path / "real", compute=COMPUTE, what="real")
    found = []
    for name, images in (("a", split), ("b", Reordered(split, order))):
        made = extract(opened, images, tmp_path / name, compute=COMPUTE, what=name)
        shares = measure_manifolds(made, reference, DISTRIBUTION, "cpu").metrics
        found.append(shares | {"fid": frechet_distance(made.moments, reference.moments)})
    assert found[0] == pytest.approx(found[1], rel=1e-9)


@pytest.mark.parametrize("batch", [1, 7, 50])
def test_another_number_of_images_at_once_moves_results_by_rounding_alone(
    samples: Path, dataset: Path, network: Path, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    expected = measure_set(EVALUATION, samples, dataset, network, compute=COMPUTE)["metrics"]
    seen: list[int] = []
    measure = StudyNetwork.measure

    def counted(self: StudyNetwork, pixels: np.ndarray) -> Outputs:
        seen.append(len(pixels))
        return measure(self, pixels)

    monkeypatch.setattr(StudyNetwork, "measure", counted)
    monkeypatch.setattr(batches, "BATCH", batch)
    ours = measure_set(EVALUATION, samples, dataset, network, compute=COMPUTE)["metrics"]
    assert set(seen) == {batch}
    assert ours == pytest.approx(expected, rel=1e-4, abs=1e-6)  # of features in float32, which FID takes differences of


@pytest.mark.parametrize("seed", [1, 2])
def test_no_metric_depends_on_the_order_of_the_rows_of_a_sample_set(
    samples: Path, dataset: Path, network: Path, seed: int
) -> None:
    expected = measure_set(EVALUATION, samples, dataset, network, compute=COMPUTE)
    table = pd.read_parquet(samples / "samples.parquet")
    shuffled = table.sample(frac=1, random_state=seed)
    assert shuffled["index"].tolist() != table["index"].tolist()
    shuffled.to_parquet(samples / "samples.parquet", index=False)
    ours = measure_set(EVALUATION, samples, dataset, network, compute=COMPUTE)
    for name, value in expected["metrics"].items():
        assert ours["metrics"][name] == pytest.approx(value, rel=1e-9), name
    assert ours["details"] == expected["details"]


@pytest.mark.parametrize("damage", ["truncated", "missing", "not an image", "another size"])
def test_a_damaged_image_is_an_error_that_names_it(samples: Path, dataset: Path, network: Path, damage: str) -> None:
    file = samples / "images/000007.png"
    if damage == "truncated":
        file.write_bytes(file.read_bytes()[:60])
    elif damage == "missing":
        file.unlink()
    elif damage == "not an image":
        file.write_text("<html>")
    else:
        Image.new("RGB", (8, 8)).save(file)
    with pytest.raises(InputError, match=r"000007\.png"):
        measure_set(EVALUATION, samples, dataset, network, compute=COMPUTE)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"distribution": DISTRIBUTION.model_copy(update={"is_splits": 41})}, "has 40 images, the metrics need 41"),
        ({"distribution": DISTRIBUTION.model_copy(update={"neighbours": 200})}, "the metrics need 201"),
        ({"split": "validation"}, "empty"),
    ],
)
def test_sets_too_small_for_the_metrics_are_refused(
    samples: Path, dataset: Path, network: Path, change: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        measure_set(EVALUATION.model_copy(update=change), samples, dataset, network, compute=COMPUTE)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda info: info | {"image_size": 8}, "8 pixels cannot be measured against 'digits' of 16"),
        (lambda info: info | {"count": 39}, "counts 39 images, samples.parquet 40"),
        (lambda info: {k: v for k, v in info.items() if k != "seed"}, "samples.json: seed"),
        (lambda info: info | {"conditioning": "class"}, "samples.json: conditioning"),  # a kind without its parameters
    ],
)
def test_a_sample_set_that_contradicts_itself_is_refused(
    samples: Path, dataset: Path, network: Path, edit: object, message: str
) -> None:
    file = samples / "samples.json"
    file.write_text(json.dumps(edit(json.loads(file.read_text()))))  # type: ignore[operator]
    with pytest.raises(InputError, match=message):
        measure_set(EVALUATION, samples, dataset, network, compute=COMPUTE)


def test_an_unfinished_sample_set_is_refused(tmp_path: Path, dataset: Path, network: Path) -> None:
    with pytest.raises(InputError, match="not a finished sample set"):
        measure_set(EVALUATION, tmp_path, dataset, network, compute=COMPUTE)


@pytest.mark.parametrize("regulariser", ["kl", "vq"])
def test_reconstruction_metrics_equal_independent_ones(
    tmp_path: Path, dataset: Path, network: Path, regulariser: str
) -> None:
    folder = first_stage(tmp_path, regulariser)
    result = measure_rebuilt(RECONSTRUCTION, folder, dataset, network, compute=COMPUTE)
    assert json.loads(json.dumps(result, allow_nan=False)) == result

    split = PreparedDataset(dataset).split("test")
    pixels = split.pixels(np.arange(len(split)))
    x, loaded = to_tensor(pixels), load_network(network)
    with torch.inference_mode():
        rebuilt = to_pixels(FirstStage.load(folder).reconstruct(x, noise=None)[0])
        y = to_tensor(rebuilt)
        psim = load_perceptual(network)(x, y)
        pools = [loaded(v).pool.double() for v in (y, x)]
    metrics = result["metrics"]
    ratios = [peak_signal_noise_ratio(a, b, data_range=255) for a, b in zip(pixels, rebuilt, strict=True)]
    assert metrics["psnr"] == pytest.approx(np.mean(ratios), rel=1e-6)
    assert metrics["psnr_std"] == pytest.approx(np.std(ratios), rel=1e-5)
    similarities = [zero_padded_ssim(a, b) for a, b in zip(pixels, rebuilt, strict=True)]
    assert metrics["ssim"] == pytest.approx(np.mean(similarities), rel=1e-6)
    assert metrics["psim"] == pytest.approx(psim.mean().item(), rel=1e-5)
    statistics = [fid_features_to_statistics(pool) for pool in pools]
    fid = fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"]
    assert metrics["r_fid"] == pytest.approx(fid, rel=1e-4)
    assert metrics["r_is"] >= 1

    assert result["provenance"]["perceptual_network"] == {
        "name": "classifier", "kind": "classifier", "digest": load_network(network).digest
    }  # fmt: skip
    described = result["provenance"]["autoencoder"]
    assert (described["f"], described["c"]) == (2, 3)
    assert described["codebook_size"] == (32 if regulariser == "vq" else None)


def test_codebook_use_is_that_of_the_chosen_codes(tmp_path: Path, dataset: Path, network: Path) -> None:
    folder = first_stage(tmp_path, "vq")
    metrics = measure_rebuilt(RECONSTRUCTION, folder, dataset, network, compute=COMPUTE)["metrics"]
    model, split = FirstStage.load(folder), PreparedDataset(dataset).split("test")
    codebook = model.model.quantize.embedding.weight.detach().double().numpy()
    with torch.inference_mode():
        z = model.moments(to_tensor(split.pixels(np.arange(len(split))))).double()
    vectors = z.permute(0, 2, 3, 1).reshape(-1, 3).numpy()
    chosen = ((vectors[:, None] - codebook) ** 2).sum(-1).argmin(1)
    share = np.unique(chosen, return_counts=True)[1] / len(chosen)
    assert metrics["codebook_usage"] == pytest.approx(len(share) / 32)
    assert metrics["codebook_perplexity"] == pytest.approx(np.exp(-(share * np.log(share)).sum()), rel=1e-3)
    assert (
        "codebook_usage"
        not in measure_rebuilt(RECONSTRUCTION, first_stage(tmp_path / "kl", "kl"), dataset, network, compute=COMPUTE)[
            "metrics"
        ]
    )


def test_a_result_of_a_class_model_has_these_metrics_and_this_protocol(
    samples: Path, dataset: Path, network: Path
) -> None:
    result = measure_set(EVALUATION, samples, dataset, network, compute=COMPUTE)
    assert list(result["metrics"]) == [
        "fid", "kid", "kid_std", "is", "is_std", "precision", "recall", "density", "coverage", "accuracy"
    ]  # fmt: skip
    assert list(result["provenance"]["protocol"]) == [
        "pixels", "arithmetic", "fid", "intervals", "kid", "fid_infinity", "is_splits", "is_order", "neighbours"
    ]  # fmt: skip
    intervals = result["details"]["intervals"]
    with_interval = {"fid", "is", "precision", "recall", "density", "coverage", "accuracy"}
    assert intervals.keys() == result["provenance"]["protocol"]["intervals"].keys() == with_interval
    for name, (low, high) in intervals.items():
        assert low <= result["metrics"][name] <= high, name
    assert "reference's images" in result["provenance"]["protocol"]["intervals"]["recall"]
    assert "perceptual_network" not in result["provenance"]  # nothing was compared one by one
    assert "conditioning" not in result["provenance"]["samples"]


def test_quarter_turns_are_no_classes_that_an_inception_score_could_be_of(
    tmp_path: Path, samples: Path, dataset: Path, rotation: Path
) -> None:
    result = measure_set(EVALUATION, samples, dataset, rotation, compute=COMPUTE)
    assert list(result["metrics"]) == ["fid", "kid", "kid_std", "precision", "recall", "density", "coverage"]
    assert "classes are not the dataset's" in result["provenance"]["protocol"]["is"]
    rebuilt = measure_rebuilt(RECONSTRUCTION, first_stage(tmp_path, "kl"), dataset, rotation, compute=COMPUTE)
    assert not {"r_is", "r_is_std"} & set(rebuilt["metrics"])
    assert {"r_fid", "psnr", "ssim", "psim"} <= set(rebuilt["metrics"])


def test_the_identity_rebuilds_images_exactly(tmp_path: Path, dataset: Path, network: Path) -> None:
    FirstStage(IdentityModel()).save(tmp_path)
    result = measure_rebuilt(RECONSTRUCTION, tmp_path, dataset, network, compute=COMPUTE)
    metrics = result["metrics"]
    assert (metrics["psnr"], metrics["ssim"], metrics["psim"]) == pytest.approx((100, 1, 0))
    assert metrics["r_fid"] == pytest.approx(0, abs=1e-6)
    assert result["provenance"]["protocol"]["latent"] == "the image itself"
