import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ldm_pipelines.autoencoders.first_stage import FirstStage
from ldm_pipelines.autoencoders.spec import Autoencoder
from ldm_pipelines.autoencoders.train import train
from ldm_pipelines.compute import Compute
from ldm_pipelines.errors import InputError

Train = Callable[..., Path]


@pytest.fixture
def run(
    autoencoder_spec: Callable[..., Autoencoder],
    digits_folder: Path,
    network_folder: Path,
    compute: Compute,
    tmp_path: Path,
) -> Train:
    def start(
        regulariser: str = "kl", attempt: str = "a", seed: int = 0, inference: int = 16, **changes: object
    ) -> Path:
        return train(
            autoencoder_spec(regulariser, **changes),
            digits_folder,
            network_folder,
            seed=seed,
            workspace=tmp_path / attempt,
            compute=compute.model_copy(update={"inference_batch_size": inference}),
        )

    return start


@pytest.mark.parametrize("regulariser", ["kl", "vq"])
def test_the_artefact_is_complete(run: Train, regulariser: str) -> None:
    artefact = run(regulariser)
    assert FirstStage.load(artefact).regulariser == regulariser
    metrics = json.loads((artefact / "metrics.json").read_text())
    assert set(metrics) == {"psnr", "ssim", "perceptual", "r_fid"} | (
        {"codebook_usage"} if regulariser == "vq" else set()
    )
    with (artefact / "curves.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == [str(step) for step in range(1, 7)]
    assert rows[-1]["train_discriminator"]
    assert float(rows[-1]["val_psnr"]) == pytest.approx(metrics["psnr"], rel=1e-4)
    picture = Image.open(artefact / "pictures" / "reconstructions.png")
    assert picture.width > 4 * picture.height  # two rows of up to sixteen images


def test_the_identity_is_there_at_once_and_measured_like_the_others(
    identity_spec: Autoencoder, digits_folder: Path, network_folder: Path, compute: Compute, tmp_path: Path
) -> None:
    def content(workspace: str) -> dict[str, bytes]:
        artefact = train(
            identity_spec, digits_folder, network_folder, seed=0, workspace=tmp_path / workspace, compute=compute
        )
        return {str(path.relative_to(artefact)): path.read_bytes() for path in artefact.rglob("*") if path.is_file()}

    first = content("a")
    assert set(first) == {"config.json", "metrics.json", "curves.csv", "pictures/reconstructions.png"}
    metrics = json.loads(first["metrics.json"])
    assert metrics == {"psnr": 100.0, "ssim": 1.0, "perceptual": 0.0, "r_fid": pytest.approx(0, abs=1e-3)}
    assert first["curves.csv"] == b"step\n"
    assert FirstStage.load(tmp_path / "a" / "artefact").regulariser == "none"
    assert content("b") == first


def test_training_improves_the_reconstruction(run: Train) -> None:
    def psnr(attempt: str, steps: int) -> float:
        return json.loads(
            (run(attempt=attempt, steps=steps, disc_start=40, learning_rate=1e-2) / "metrics.json").read_text()
        )["psnr"]

    assert psnr("long", 60) > psnr("short", 1) + 3


def test_starting_the_codebook_on_latents_uses_more_of_it(run: Train) -> None:
    def usage(init: str) -> float:
        artefact = run("vq", attempt=init, codebook_init=init, steps=2)
        return json.loads((artefact / "metrics.json").read_text())["codebook_usage"]

    assert usage("latents") > usage("uniform") + 0.2


def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_model(run: Train) -> None:
    def content(attempt: str, seed: int) -> dict[str, bytes]:
        artefact = run(attempt=attempt, seed=seed)
        return {str(path.relative_to(artefact)): path.read_bytes() for path in artefact.rglob("*") if path.is_file()}

    first, again, other = content("a", 1), content("b", 1), content("c", 2)
    assert first == again
    name = "diffusion_pytorch_model.safetensors"
    assert first[name] != other[name]


def test_metrics_do_not_depend_on_the_inference_batch_size(run: Train) -> None:
    few, many = (json.loads((run(attempt=str(n), inference=n) / "metrics.json").read_text()) for n in (5, 100))
    assert np.allclose(list(few.values()), list(many.values()), atol=2e-5)


def test_a_factor_that_does_not_divide_the_image_is_refused(run: Train) -> None:
    with pytest.raises(InputError, match=r"block_out_channels: 6 levels divide the image by 32, .* 16 pixels"):
        run(block_out_channels=(4,) * 6)


def test_a_discriminator_too_deep_for_the_image_is_refused(run: Train) -> None:
    with pytest.raises(InputError, match=r"tiny\.objective\.disc_num_layers: 3 stride-2 layers"):
        run(disc_num_layers=3)
