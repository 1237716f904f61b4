"""Restored images against the images they were made from."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio
from support.conditionings import definition
from support.sample_sets import COMPUTE, EVALUATION, measure_set, write_samples
from support.similarity import zero_padded_ssim
from torchmetrics.functional.image import peak_signal_noise_ratio as torch_psnr
from torchmetrics.functional.image import structural_similarity_index_measure as torch_ssim

from ldm_pipelines.data.degradations import degrade
from ldm_pipelines.data.masks import draw_mask
from ldm_pipelines.data.prepared import PreparedDataset
from ldm_pipelines.data.randomness import image_generator
from ldm_pipelines.data.tensors import to_tensor
from ldm_pipelines.errors import InputError
from ldm_pipelines.feature_networks.networks import load_network, load_perceptual
from ldm_pipelines.sampling.baselines import make_baseline
from ldm_pipelines.sampling.spec import Baseline

INPAINTING = definition("mini_inpainting")
LOW_RES = definition("low_res_bicubic")
COUNT = 30


def holes(ids: list[str]) -> np.ndarray:
    return np.stack([draw_mask(16, INPAINTING.masks, image_generator("mask", name)) for name in ids])


@pytest.fixture
def truth(dataset: Path) -> tuple[np.ndarray, list[str]]:
    """Pixels and ids of some digits, not in the order of the dataset, one of them twice."""
    split = PreparedDataset(dataset).split("test")
    chosen = np.array([*range(COUNT - 1, 0, -1), 5])
    return split.pixels(chosen), [split.ids[index] for index in chosen]


@pytest.fixture
def measure(tmp_path: Path, dataset: Path, network: Path) -> Callable[..., dict[str, Any]]:
    """``measure(pixels, ids)``: the result of a sample set of these images."""

    def measured(pixels: np.ndarray, ids: list[str], given_by: Any = LOW_RES, **info: Any) -> dict[str, Any]:
        given = {"dataset": "digits", "split": "test", "conditioning": given_by.model_dump(mode="json")}
        given |= {"dataset_digest": PreparedDataset(dataset).digest}
        folder = write_samples(tmp_path / f"samples_{len(list(tmp_path.iterdir()))}", pixels, ids, **(given | info))
        return measure_set(EVALUATION, folder, dataset, network, compute=COMPUTE)

    return measured


def noisy(pixels: np.ndarray, level: float = 15) -> np.ndarray:
    noise = np.random.default_rng(0).normal(size=pixels.shape) * level
    return (pixels + noise).round().clip(0, 255).astype(np.uint8)


def test_pairs_are_measured_as_by_scikit_image_torchmetrics_and_the_perceptual_distance(
    measure: Callable[..., dict[str, Any]], truth: tuple[np.ndarray, list[str]], network: Path
) -> None:
    pixels, ids = truth
    made = noisy(pixels)
    result = measure(made, ids)
    metrics = result["metrics"]
    ratios = [peak_signal_noise_ratio(a, b, data_range=255) for a, b in zip(pixels, made, strict=True)]
    assert metrics["psnr"] == pytest.approx(np.mean(ratios), rel=1e-6)
    assert metrics["psnr_std"] == pytest.approx(np.std(ratios), rel=1e-5)
    similar = [zero_padded_ssim(a, b) for a, b in zip(pixels, made, strict=True)]
    assert metrics["ssim"] == pytest.approx(np.mean(similar), rel=1e-6)
    assert metrics["ssim_std"] == pytest.approx(np.std(similar), rel=1e-5)
    with torch.inference_mode():
        distance = load_perceptual(network)(to_tensor(pixels), to_tensor(made))
    assert metrics["psim"] == pytest.approx(distance.mean().item(), rel=1e-5)
    assert metrics["psim_std"] == pytest.approx(distance.std(correction=0).item(), rel=1e-4)

    x, y = (to_tensor(v).double().add(1).div(2) for v in (pixels, made))
    theirs = torch_psnr(y, x, data_range=1.0, reduction="elementwise_mean", dim=(1, 2, 3))
    assert metrics["psnr"] == pytest.approx(theirs.item(), rel=1e-5)
    embedded = (torch.nn.functional.pad(v, (20, 20, 20, 20)) for v in (y, x))  # the paper pads with zeros
    _, places = torch_ssim(*embedded, data_range=1.0, return_full_image=True)
    assert metrics["ssim"] == pytest.approx(places[..., 20:-20, 20:-20].mean().item(), rel=1e-6)
    assert "zero padding" in result["provenance"]["protocol"]["ssim"]
    assert result["provenance"]["perceptual_network"] == {
        "name": "classifier", "kind": "classifier", "digest": load_network(network).digest
    }  # fmt: skip

    assert "known_pixels_changed" not in metrics
    assert {"fid", "is", "precision", "recall"} <= set(metrics)
    assert result["provenance"]["protocol"]["pairs"] == "each sample and its image of digits/test"


def test_an_error_of_one_level_everywhere_has_the_ratio_that_follows_by_hand(
    measure: Callable[..., dict[str, Any]], truth: tuple[np.ndarray, list[str]]
) -> None:
    pixels, ids = truth
    metrics = measure(np.where(pixels < 128, pixels + 1, pixels - 1).astype(np.uint8), ids)["metrics"]
    assert metrics["psnr"] == pytest.approx(20 * np.log10(255), rel=1e-6)
    assert metrics["psnr_std"] == pytest.approx(0, abs=1e-4)


def test_perfect_restorations_have_finite_figures(
    measure: Callable[..., dict[str, Any]], truth: tuple[np.ndarray, list[str]]
) -> None:
    metrics = measure(*truth)["metrics"]
    assert (metrics["psnr"], metrics["ssim"], metrics["psim"]) == pytest.approx((100, 1, 0))


def test_known_pixels_are_those_outside_the_mask_of_the_image(
    measure: Callable[..., dict[str, Any]], truth: tuple[np.ndarray, list[str]]
) -> None:
    pixels, ids = truth
    made = np.where(holes(ids)[..., None], 255 - pixels, pixels)
    assert measure(made, ids, INPAINTING)["metrics"]["known_pixels_changed"] == 0


def test_figures_by_masked_part_are_those_of_the_images_in_each_bin(
    measure: Callable[..., dict[str, Any]], truth: tuple[np.ndarray, list[str]]
) -> None:
    pixels, ids = truth
    made = np.where(holes(ids)[..., None], 255 - pixels, pixels).astype(np.uint8)
    result = measure(made, ids, INPAINTING)
    bins = result["details"]["by_masked_part"]
    areas = holes(ids).mean(axis=(1, 2))
    ratios = np.array([peak_signal_noise_ratio(a, b, data_range=255) for a, b in zip(pixels, made, strict=True)])
    assert sum(row["images"] for row in bins) == len(ids) and len(bins) > 1
    for row in bins:
        inside = (areas >= row["from"]) & (areas < row["to"])
        assert row["images"] == inside.sum()
        assert row["psnr"] == pytest.approx(ratios[inside].mean(), rel=1e-6)
        assert row["psnr_std"] == pytest.approx(ratios[inside].std(), rel=1e-5, abs=1e-9)
        assert {"ssim_std", "psim_std"} <= row.keys()
        if inside.sum() < 2:
            assert "fid" not in row
    most = max(bins, key=lambda row: row["images"])
    inside = (areas >= most["from"]) & (areas < most["to"])
    alone = measure(made[inside], [name for name, here in zip(ids, inside, strict=True) if here], INPAINTING)
    assert most["fid"] == pytest.approx(alone["metrics"]["fid"], rel=1e-9)
    intervals = result["details"]["intervals"]
    assert intervals["psnr"][0] < result["metrics"]["psnr"] < intervals["psnr"][1]


@pytest.mark.parametrize("channels", [1, 3])
def test_a_changed_known_pixel_is_caught(
    measure: Callable[..., dict[str, Any]], truth: tuple[np.ndarray, list[str]], channels: int
) -> None:
    pixels, ids = truth
    made = np.where(holes(ids)[..., None], 128, pixels).astype(np.uint8)
    for number in (0, 7):
        row, column = np.argwhere(~holes(ids)[number])[0]
        made[number, row, column, :channels] ^= 1
    assert measure(made, ids, INPAINTING)["metrics"]["known_pixels_changed"] == 2


def test_images_that_are_paired_with_others_are_far_from_them(
    measure: Callable[..., dict[str, Any]], truth: tuple[np.ndarray, list[str]]
) -> None:
    pixels, ids = truth
    metrics = measure(np.roll(pixels, 1, axis=0), ids, INPAINTING)["metrics"]
    assert metrics["psnr"] < 20
    assert metrics["known_pixels_changed"] > 100


@pytest.mark.parametrize(("kind", "conditioning"), [("mean_fill", INPAINTING), ("nearest_fill", INPAINTING)])
def test_baselines_of_inpainting_keep_known_pixels(
    tmp_path: Path, dataset: Path, network: Path, kind: str, conditioning: Any
) -> None:
    spec = Baseline(name="fill", dataset="digits", split="test", kind=kind, ldm="some_ldm", count=COUNT)
    folder = make_baseline(spec, conditioning, dataset, workspace=tmp_path, compute=COMPUTE)
    metrics = measure_set(EVALUATION, folder, dataset, network, compute=COMPUTE)["metrics"]
    assert metrics["known_pixels_changed"] == 0
    assert 5 < metrics["psnr"] < 50
    assert metrics["psim"] > 0


def test_the_baseline_of_super_resolution_is_measured_against_the_images_it_was_made_from(
    tmp_path: Path, dataset: Path, network: Path
) -> None:
    spec = Baseline(name="bicubic", dataset="digits", split="test", kind="upsampled", ldm="some_ldm", count=COUNT)
    folder = make_baseline(spec, LOW_RES, dataset, workspace=tmp_path, compute=COMPUTE)
    metrics = measure_set(EVALUATION, folder, dataset, network, compute=COMPUTE)["metrics"]
    split = PreparedDataset(dataset).split("test")
    ratios = []
    for name, true in zip(split.ids[:COUNT], split.pixels(np.arange(COUNT)), strict=True):
        small = degrade(true, LOW_RES.degradation, image_generator("low_res", name))
        large = np.asarray(Image.fromarray(small).resize((16, 16), Image.Resampling.BICUBIC))
        ratios.append(peak_signal_noise_ratio(true, large, data_range=255))
    assert metrics["psnr"] == pytest.approx(np.mean(ratios), rel=1e-6)


def test_pairs_of_another_dataset_are_said_to_be_left_out(
    measure: Callable[..., dict[str, Any]], truth: tuple[np.ndarray, list[str]]
) -> None:
    result = measure(*truth, dataset="photos", dataset_digest="ab" * 32)
    assert not {"psnr", "ssim", "psim"} & set(result["metrics"])
    assert "of 'photos', not of 'digits'" in result["provenance"]["protocol"]["pairs"]


@pytest.mark.parametrize(
    ("info", "message"),
    [
        ({"conditioning": {"kind": "inpainting"}}, "no parameters of the masks"),
        ({"conditioning": {"kind": "inpainting", "masks": {"boxes": [1]}}}, "no parameters of the masks"),
        ({"split": "train"}, "conditions are of no image of 'digits', split 'train'"),
        ({"dataset_digest": "ab" * 32}, "another version of 'digits'"),
    ],
)
def test_what_is_needed_for_pairs_and_masks_must_be_there(
    measure: Callable[..., dict[str, Any]], truth: tuple[np.ndarray, list[str]], info: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        measure(*truth, INPAINTING, **info)
