"""Raw data under DVC: where it may lie, and what follows when a file of it changes."""

import re
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from support.clone import Clone, copy_project
from support.raw_pictures import encoded, picture

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("raw_data")]

STAGE = re.compile(r"Running stage '([^']+)'")
NETWORK = "train_feature_network@pets_classifier"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """The smoke study with a dataset whose images lie outside, and a small network trained on it; nothing has run."""
    folder = tmp_path_factory.mktemp("raw_data")
    for number in range(12):
        file = folder / "pets" / ("cat" if number % 2 else "dog") / f"{number:02d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(encoded(number))
    clone = copy_project(folder / "clone")
    with (clone.root / "conf/local/compute.yml").open("a") as local:
        local.write(f"dataset_paths: {{pets: {folder / 'pets'}}}\n")
    clone.run(
        "kedro", "compose", "study=smoke", "+dataset@datasets.pets=image_folder",
        "datasets.pets.upstream=data/01_raw/pets", "datasets.pets.splits={train: 0.5, validation: 0.0, test: 0.5}",
        "+feature_network@feature_networks.pets_classifier=classifier",
        "feature_networks.pets_classifier.dataset=pets", "feature_networks.pets_classifier.channels=[8]",
        "feature_networks.pets_classifier.training.steps=2", "feature_networks.pets_classifier.training.batch_size=4",
    )  # fmt: skip
    return clone


def reproduced(project: Clone) -> list[str]:
    return STAGE.findall(project.run("dvc", "repro", NETWORK, "prepare_data@digits").stdout)


def test_dvc_finds_images_elsewhere_and_reruns_only_what_follows_from_a_changed_one(project: Clone) -> None:
    link = project.root / "data/01_raw/pets"
    assert link.is_symlink() and link.samefile(project.root.parent / "pets")  # made by kedro compose
    assert sorted(reproduced(project)) == ["prepare_data@digits", "prepare_data@pets", NETWORK]
    assert reproduced(project) == []
    file = link / "dog" / "00.png"
    file.write_bytes(_again(file))  # other bytes, the same pixels, so the prepared dataset is the same
    assert reproduced(project) == ["prepare_data@pets"]
    file.write_bytes(encoded(99))
    assert reproduced(project) == ["prepare_data@pets", NETWORK]


def test_a_dataset_that_is_not_there_yet_does_not_keep_compose_from_writing(project: Clone, tmp_path: Path) -> None:
    local = project.root / "conf/local/compute.yml"
    before = local.read_text()
    local.write_text(before.replace("dataset_paths:", f"dataset_paths: {{digits: {tmp_path / 'gone'}}}  #"))
    done = project.run("kedro", "compose", "study=smoke")
    local.write_text(before)
    assert "dataset_paths.digits:" in done.stderr and "is not there yet; compose again when it is" in done.stderr
    assert not (project.root / "data/01_raw/digits").exists()


def _again(file: Path) -> bytes:
    buffer = BytesIO()
    picture(0).save(buffer, format="PNG", compress_level=0)
    assert buffer.getvalue() != file.read_bytes()
    with Image.open(buffer) as image, Image.open(file) as before:
        assert image.tobytes() == before.tobytes()
    return buffer.getvalue()
