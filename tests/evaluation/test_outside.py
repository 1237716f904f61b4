"""Images and references from anywhere, through the same metrics as a study's own."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio
from support.sample_sets import COMPUTE, DISTRIBUTION, EVALUATION, measure_set, write_samples

from ldm_pipelines.config.loader import read_outside
from ldm_pipelines.data.prepared import PreparedDataset
from ldm_pipelines.data.tensors import to_tensor
from ldm_pipelines.errors import InputError
from ldm_pipelines.evaluation.networks.artefacts import open_network
from ldm_pipelines.evaluation.outside import evaluate_outside
from ldm_pipelines.evaluation.outside_spec import Outside
from ldm_pipelines.evaluation.reference import ReferenceSet, evaluate_reference
from ldm_pipelines.evaluation.spec import Reference
from ldm_pipelines.feature_networks.networks import load_perceptual

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def pixels(dataset: Path) -> np.ndarray:
    return PreparedDataset(dataset).split("train").pixels(np.arange(40)) // 2


@pytest.fixture
def reference(tmp_path: Path, dataset: Path, network: Path) -> Path:
    spec = Reference(name="digits_test", dataset="digits", split="test", feature_network="classifier")
    return evaluate_reference(
        spec, dataset, open_network(network, COMPUTE), workspace=tmp_path / "reference", compute=COMPUTE
    )


def write_png(folder: Path, pixels: np.ndarray) -> Path:
    folder.mkdir()
    for number, image in enumerate(pixels):
        Image.fromarray(image).save(folder / f"{number:03d}.png")
    return folder


def measured(workspace: Path, images: Path, reference: Path, network: Path | str, **changes: Any) -> dict[str, Any]:
    spec = Outside(images=images, reference=reference, network=str(network), distribution=DISTRIBUTION).model_copy(
        update=changes
    )
    return evaluate_outside(spec, workspace=workspace, compute=COMPUTE)


def test_a_folder_a_zip_an_npz_and_a_sample_set_have_the_metrics_of_an_evaluation(
    tmp_path: Path, dataset: Path, network: Path, reference: Path, pixels: np.ndarray
) -> None:
    samples = write_samples(tmp_path / "samples", pixels, [""] * 40)
    expected = measure_set(EVALUATION, samples, dataset, network)["metrics"]
    folder = write_png(tmp_path / "folder", pixels)
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, f"inside/{file.name}")
    np.savez(tmp_path / "batch.npz", pixels)
    for path in (samples, folder, tmp_path / "images.zip", tmp_path / "batch.npz"):
        result = measured(tmp_path / "work", path, reference, network)
        assert json.loads(json.dumps(result, allow_nan=False)) == result
        for name in ("fid", "kid", "precision", "recall", "density", "coverage"):
            assert result["metrics"][name] == pytest.approx(expected[name], rel=1e-6), (path.name, name)
        assert result["provenance"]["images"]["count"] == 40


def test_another_set_of_images_can_be_the_reference(
    tmp_path: Path, network: Path, reference: Path, dataset: Path, pixels: np.ndarray
) -> None:
    split = PreparedDataset(dataset).split("test")
    np.savez(tmp_path / "real.npz", split.pixels(np.arange(len(split))))
    folder = write_png(tmp_path / "folder", pixels)
    by_images = measured(tmp_path / "work", folder, tmp_path / "real.npz", network)
    by_artefact = measured(tmp_path / "work", folder, reference, network)
    assert by_images["metrics"] == pytest.approx(by_artefact["metrics"], rel=1e-6)


def test_statistics_alone_give_fid_alone(tmp_path: Path, network: Path, reference: Path, pixels: np.ndarray) -> None:
    moments = ReferenceSet(reference).features.moments
    np.savez(tmp_path / "statistics.npz", mu=moments.mean, sigma=moments.covariance)  # as clean-fid and pytorch-fid
    folder = write_png(tmp_path / "folder", pixels)
    result = measured(tmp_path / "work", folder, tmp_path / "statistics.npz", network)
    assert result["metrics"] == pytest.approx(
        {"fid": measured(tmp_path / "work", folder, reference, network)["metrics"]["fid"]}, rel=1e-9
    )
    assert result["provenance"]["reference"]["layout"] == "clean-fid"
    np.savez(tmp_path / "other.npz", mu=np.zeros(7), sigma=np.eye(7))
    with pytest.raises(InputError, match="7 dimensions, classifier gives 12: they are of another network"):
        measured(tmp_path / "work", folder, tmp_path / "other.npz", network)


def test_a_reference_batch_as_of_adm_gives_fid_from_its_moments_and_the_rest_from_its_images(
    tmp_path: Path, network: Path, reference: Path, dataset: Path, pixels: np.ndarray
) -> None:
    split = PreparedDataset(dataset).split("test")
    some = split.pixels(np.arange(30))
    moments = ReferenceSet(reference).features.moments  # of all images, as in the published batches
    np.savez(tmp_path / "some.npz", some)
    np.savez(tmp_path / "batch.npz", arr_0=some, mu=moments.mean, sigma=moments.covariance)
    folder = write_png(tmp_path / "folder", pixels)
    result = measured(tmp_path / "work", folder, tmp_path / "batch.npz", network)
    by_moments = measured(tmp_path / "work", folder, reference, network)["metrics"]
    by_images = measured(tmp_path / "work", folder, tmp_path / "some.npz", network)["metrics"]
    assert result["metrics"]["fid"] == pytest.approx(by_moments["fid"], rel=1e-9)
    for name in ("precision", "recall", "density", "coverage", "kid"):
        assert result["metrics"][name] == pytest.approx(by_images[name], rel=1e-9)
    assert result["provenance"]["reference"]["images"] == 30
    assert "moments" in result["provenance"]["protocol"]["fid"]
    assert "intervals" not in result["provenance"]["protocol"]


def test_images_are_compared_with_their_partners_by_name(
    tmp_path: Path, network: Path, reference: Path, dataset: Path, pixels: np.ndarray
) -> None:
    true = PreparedDataset(dataset).split("train").pixels(np.arange(40))
    truth = write_png(tmp_path / "truth", true)
    np.savez(tmp_path / "truth.npz", true)
    made = write_png(tmp_path / "made", pixels)
    for path in (truth, tmp_path / "truth.npz"):
        result = measured(tmp_path / "work", made, reference, network, truth=path, distance=str(network))
        ratios = [peak_signal_noise_ratio(a, b, data_range=255) for a, b in zip(true, pixels, strict=True)]
        assert result["metrics"]["psnr"] == pytest.approx(np.mean(ratios), rel=1e-6)
        with torch.inference_mode():
            distance = load_perceptual(network)(to_tensor(true), to_tensor(pixels)).mean().item()
        assert result["metrics"]["psim"] == pytest.approx(distance, rel=1e-5)
        assert set(result["details"]["intervals"]) >= {"psnr", "ssim", "psim"}
    assert "psim" not in measured(tmp_path / "work", made, reference, network, truth=truth)["metrics"]
    (truth / "003.png").rename(truth / "other.png")
    with pytest.raises(InputError, match=r"need the same names: '003\.png' has none"):
        measured(tmp_path / "work", made, reference, network, truth=truth)
    (truth / "other.png").unlink()
    with pytest.raises(InputError, match="39 images cannot be the partners of 40"):
        measured(tmp_path / "work", made, reference, network, truth=truth)
    with pytest.raises(InputError, match=r"evaluate\.truth, which is not given"):
        measured(tmp_path / "work", made, reference, network, distance=str(network))
    with pytest.raises(InputError, match=r"evaluate\.distance: 'lpip' is neither .*lpips_vgg"):
        measured(tmp_path / "work", made, reference, network, truth=tmp_path / "truth.npz", distance="lpip")


def test_what_is_missing_or_unknown_is_said(tmp_path: Path, network: Path, pixels: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"evaluate\.reference is not given; for example"):
        evaluate_outside(Outside(images=tmp_path, network="x"), workspace=tmp_path, compute=COMPUTE)
    folder = write_png(tmp_path / "folder", pixels)
    with pytest.raises(InputError, match=r"'inceptio' is neither a folder .*inception_fidelity"):
        measured(tmp_path, folder, folder, "inceptio")
    (folder / "003.png").write_bytes(b"\x89PNG but no more")
    with pytest.raises(InputError, match=r"003\.png"):
        measured(tmp_path / "work", folder, folder, network)
    with pytest.raises(InputError, match=r"evaluate\.imges: .*did you mean 'images'"):
        read_outside({"imges": "x"}, tmp_path)


def test_the_command_measures_prints_and_writes(
    tmp_path: Path, network: Path, reference: Path, pixels: np.ndarray
) -> None:
    folder = write_png(tmp_path / "folder", pixels)
    values = {"images": folder, "reference": reference, "network": network, "output": tmp_path / "result.json"}
    parameters = ",".join(f"evaluate.{key}={value}" for key, value in values.items())
    command = [sys.executable, "-m", "kedro", "run", "--pipelines=evaluate", f"--params={parameters}"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    result = json.loads((tmp_path / "result.json").read_text())
    assert any(line.split() == ["fid", f"{result['metrics']['fid']:.6g}"] for line in done.stdout.splitlines())
    assert result["provenance"]["reference"]["dataset"] == "digits"
