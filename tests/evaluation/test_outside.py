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
from ldm_pipelines.evaluation.outside_spec import DISTRIBUTION as DEFAULTS
from ldm_pipelines.evaluation.outside_spec import Outside
from ldm_pipelines.evaluation.reference import ReferenceSet, evaluate_reference
from ldm_pipelines.evaluation.spec import Reference
from ldm_pipelines.feature_networks.networks import load_network, load_perceptual

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


@pytest.fixture
def labelled(dataset: Path) -> tuple[np.ndarray, list[str]]:
    """A hundred images and the names of their classes."""
    prepared = PreparedDataset(dataset)
    split = prepared.split("train")
    some, labels = split.pixels(np.arange(50)), split.labels[:50].tolist()
    names = [prepared.classes[label] for label in labels]
    assert set(names) == set(prepared.classes)
    return np.concatenate([some // 2, some // 3]), names * 2


def write_by_class(folder: Path, pixels: np.ndarray, names: list[str], order: np.ndarray) -> Path:
    """One folder per class; the files are written in ``order``."""
    for number in order:
        (folder / names[number]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels[number]).save(folder / names[number] / f"{number:03d}.png")
    return folder


def test_no_metric_depends_on_the_order_in_which_files_were_written_or_packed(
    tmp_path: Path, network: Path, reference: Path, labelled: tuple[np.ndarray, list[str]]
) -> None:
    pixels, names = labelled
    in_order, order = np.arange(len(pixels)), np.random.default_rng(0).permutation(len(pixels))
    first = write_by_class(tmp_path / "first", pixels, names, in_order)
    again = write_by_class(tmp_path / "again", pixels, names, order)
    with zipfile.ZipFile(tmp_path / "packed.zip", "w") as archive:
        for number in order:
            archive.write(first / names[number] / f"{number:03d}.png", f"{names[number]}/{number:03d}.png")
    expected = measured(tmp_path / "work", first, reference, network, class_folders=True)
    assert expected["metrics"].keys() >= {
        "fid", "fid_infinity", "kid", "kid_std", "is", "is_std", "precision", "recall", "density", "coverage", "accuracy"
    }  # fmt: skip
    for path in (again, tmp_path / "packed.zip"):
        result = measured(tmp_path / "work", path, reference, network, class_folders=True)
        for name, value in expected["metrics"].items():
            assert result["metrics"][name] == pytest.approx(value, rel=1e-9), (path.name, name)
        assert result["details"] == expected["details"], path.name


def test_folders_are_classes_where_that_is_asked_for(
    tmp_path: Path, network: Path, reference: Path, labelled: tuple[np.ndarray, list[str]]
) -> None:
    pixels, names = labelled
    folder = write_by_class(tmp_path / "made", pixels, names, np.arange(len(pixels)))
    result = measured(tmp_path / "work", folder, reference, network, class_folders=True)
    known = load_network(network)
    with torch.inference_mode():
        said = [known.config["classes"][place] for place in known(to_tensor(pixels)).logits.argmax(1).tolist()]
    assert result["metrics"]["accuracy"] == np.mean([a == b for a, b in zip(said, names, strict=True)])
    balance = result["provenance"]["images"]["class_balance"]
    counts = [names.count(name) for name in set(names)]
    assert balance == {"classes": 10, "fewest": min(counts), "most": max(counts)}
    without = measured(tmp_path / "work", folder, reference, network)
    assert not {"accuracy", "is"} & without["metrics"].keys()
    assert without["provenance"]["images"]["class_balance"] is None
    (folder / names[0]).rename(folder / "another")  # a class that the network does not know
    other = measured(tmp_path / "work", folder, reference, network, class_folders=True)
    assert not {"accuracy", "is"} & other["metrics"].keys()
    assert other["provenance"]["images"]["class_balance"]["classes"] == 10


def test_statistics_alone_give_fid_alone(tmp_path: Path, network: Path, reference: Path, pixels: np.ndarray) -> None:
    moments = ReferenceSet(reference).features.moments
    np.savez(tmp_path / "statistics.npz", mu=moments.mean, sigma=moments.covariance)  # as clean-fid and pytorch-fid
    folder = write_png(tmp_path / "folder", pixels)
    result = measured(tmp_path / "work", folder, tmp_path / "statistics.npz", network)
    assert result["metrics"] == pytest.approx(
        {"fid": measured(tmp_path / "work", folder, reference, network)["metrics"]["fid"]}, rel=1e-9
    )
    assert result["provenance"]["reference"]["layout"] == "clean-fid"
    low, high = result["details"]["intervals"]["fid"]
    assert low < result["metrics"]["fid"] < high
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
    assert set(result["details"]["intervals"]) == {"fid", "precision", "recall", "density", "coverage"}
    assert result["provenance"]["reference"]["image_size"] == 16


def test_fid_against_statistics_is_extrapolated_as_against_a_reference(
    tmp_path: Path, network: Path, reference: Path, labelled: tuple[np.ndarray, list[str]]
) -> None:
    moments = ReferenceSet(reference).features.moments
    np.savez(tmp_path / "statistics.npz", mu=moments.mean, sigma=moments.covariance)
    folder = write_png(tmp_path / "folder", labelled[0])
    alone = measured(tmp_path / "work", folder, tmp_path / "statistics.npz", network)
    whole = measured(tmp_path / "work", folder, reference, network)
    for name in ("fid", "fid_infinity"):
        assert alone["metrics"][name] == pytest.approx(whole["metrics"][name], rel=1e-9)
    assert alone["details"]["intervals"]["fid"] == pytest.approx(whole["details"]["intervals"]["fid"], rel=1e-9)


def test_a_folder_of_one_file_of_statistics_is_a_reference(
    tmp_path: Path, network: Path, reference: Path, pixels: np.ndarray
) -> None:
    moments = ReferenceSet(reference).features.moments
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    np.savez(shelf / "digits.npz", mu=moments.mean, sigma=moments.covariance)
    np.savez(shelf / "other.npz", numbers=np.zeros(3))  # of something else
    folder = write_png(tmp_path / "folder", pixels)
    result = measured(tmp_path / "work", folder, shelf, network)
    assert result["provenance"]["reference"]["file"] == "digits.npz"
    (shelf / "digits_2.npz").write_bytes((shelf / "digits.npz").read_bytes())
    with pytest.raises(InputError, match=r"several files of statistics \(digits\.npz, digits_2\.npz\); name the file"):
        measured(tmp_path / "work", folder, shelf, network)
    for file in ("digits.npz", "digits_2.npz"):
        (shelf / file).write_bytes(b"PK but no more")
    with pytest.raises(InputError, match=r"no file of statistics that can be read \(digits\.npz, digits_2\.npz, other"):
        measured(tmp_path / "work", folder, shelf, network)


def test_what_makes_figures_doubtful_is_remarked(
    tmp_path: Path, network: Path, reference: Path, dataset: Path, pixels: np.ndarray, caplog: pytest.LogCaptureFixture
) -> None:
    def doubts(images: Path, against: Path) -> list[str]:
        protocol = measured(tmp_path / "work", images, against, network)["provenance"]["protocol"]
        return protocol.get("remarks", [])

    made = write_png(tmp_path / "made", pixels)
    assert doubts(made, reference) == []
    smaller = tmp_path / "smaller"
    smaller.mkdir()
    for number, image in enumerate(pixels):
        Image.fromarray(image).resize((12, 12)).save(smaller / f"{number}.jpg")
    assert doubts(made, smaller) == [
        "images have 16 x 16 pixels, the reference 12 x 12",
        "images are PNG, the reference JPEG: lossy compression alone moves FID",
    ]
    assert doubts(smaller, smaller) == []
    np.savez(tmp_path / "batch.npz", pixels)
    assert doubts(made, tmp_path / "batch.npz") == []  # neither loses anything
    moments = ReferenceSet(reference).features.moments
    np.savez(tmp_path / "foreign.npz", mu=moments.mean, sigma=moments.covariance)
    unnamed, contradiction = doubts(made, tmp_path / "foreign.npz")
    assert unnamed == "the statistics do not name their network; they count as classifier's"
    assert contradiction.startswith("statistics in the layout of clean-fid are of inception_cleanfid or")
    assert contradiction in caplog.text


def test_our_own_statistics_say_which_network_they_are_of(
    tmp_path: Path, network: Path, rotation: Path, reference: Path, pixels: np.ndarray
) -> None:
    made = write_png(tmp_path / "made", pixels)
    ours = reference / "statistics.npz"
    assert "remarks" not in measured(tmp_path / "work", made, ours, network)["provenance"]["protocol"]
    with pytest.raises(
        InputError, match=r"statistics\.npz was measured with 'classifier', .*kind: classifier, now rotat"
    ):
        measured(tmp_path / "work", made, ours, rotation)


def test_settings_of_distributions_are_given_one_by_one() -> None:
    spec = read_outside({"distribution": {"replicates": 0, "manifold_images": 500}}, Path())
    assert spec.distribution == DEFAULTS.model_copy(update={"replicates": 0, "manifold_images": 500})
    with pytest.raises(InputError, match=r"evaluate\.distribution\.replicate: unknown key; did you mean 'replicates'"):
        read_outside({"distribution": {"replicate": 0}}, Path())
    with pytest.raises(InputError, match=r"evaluate\.distribution\.neighbours: .*greater than 0"):
        read_outside({"distribution": {"neighbours": 0}}, Path())


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
    values["distribution.replicates"] = 0
    parameters = ",".join(f"evaluate.{key}={value}" for key, value in values.items())
    command = [sys.executable, "-m", "kedro", "run", "--pipelines=evaluate", f"--params={parameters}"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    result = json.loads((tmp_path / "result.json").read_text())
    assert any(line.split() == ["fid", f"{result['metrics']['fid']:.6g}"] for line in done.stdout.splitlines())
    assert result["provenance"]["reference"]["dataset"] == "digits"
    assert "fid" not in result["details"]["intervals"]
    (folder / "003.png").write_bytes(b"\x89PNG but no more")
    failed = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert failed.returncode != 0
    assert sum("003.png" in line for line in (failed.stdout + failed.stderr).splitlines()) == 1
    assert "Repeat the previous command" not in failed.stderr and "Traceback" not in failed.stderr
