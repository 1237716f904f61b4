"""Whatever a path is."""

from pathlib import Path

import numpy as np
import pytest
from support.image_files import photograph, write_squares, zip_folder
from support.sample_sets import write_samples

from ldm_pipelines.errors import InputError
from ldm_pipelines.evaluation.images.arrays import ArrayImages
from ldm_pipelines.evaluation.images.image_files import ImageFiles
from ldm_pipelines.evaluation.images.opening import open_images
from ldm_pipelines.evaluation.images.preprocessing import Preprocessing
from ldm_pipelines.evaluation.images.sample_sets import SampleSet

PIXELS = np.stack([np.asarray(photograph(seed, 12)) for seed in range(6)])
HALF = Preprocessing(image_size=6, resize="box")


@pytest.fixture
def paths(tmp_path: Path) -> dict[str, Path]:
    """The same six images in every form."""
    folder = write_squares(tmp_path / "images")
    np.savez(tmp_path / "x.npz", PIXELS)
    return {
        "folder": folder,
        "zip": zip_folder(folder, tmp_path / "x.ZIP"),
        "npz": tmp_path / "x.npz",
        "samples": write_samples(tmp_path / "samples", PIXELS, [""] * 6),
    }


@pytest.mark.parametrize(
    ("form", "kind"), [("folder", ImageFiles), ("zip", ImageFiles), ("npz", ArrayImages), ("samples", SampleSet)]
)
def test_every_form_gives_the_same_pixels(paths: dict[str, Path], form: str, kind: type) -> None:
    images = open_images(paths[form])
    assert isinstance(images, kind)
    assert (len(images), images.image_size, images.labels.tolist()) == (6, 12, [-1] * 6)
    assert len(set(images.ids)) == 6
    np.testing.assert_array_equal(images.pixels(np.arange(6)), PIXELS)


@pytest.mark.parametrize("form", ["folder", "zip", "npz"])
def test_every_form_is_preprocessed_alike(paths: dict[str, Path], form: str) -> None:
    expected = PIXELS.reshape(6, 6, 2, 6, 2, 3).astype(float).mean(axis=(2, 4))  # what a box filter is
    np.testing.assert_allclose(open_images(paths[form], HALF).pixels(np.arange(6)), expected, atol=1)


def test_classes_are_passed_on(paths: dict[str, Path]) -> None:
    for form in ("folder", "zip"):
        assert open_images(paths[form], class_folders=True).labels.tolist() == [0, 0, 0, 1, 1, 1]
    with pytest.raises(InputError, match=r"its labels in arr_1"):
        open_images(paths["npz"], class_folders=True)


def test_sample_sets_have_their_own_size_and_labels(paths: dict[str, Path]) -> None:
    for arguments in ({"preprocessing": HALF}, {"class_folders": True}):
        with pytest.raises(InputError, match="is a sample set, which has its size and its labels"):
            open_images(paths["samples"], **arguments)


def test_an_unfinished_sample_set_is_no_folder_of_images(paths: dict[str, Path]) -> None:
    (paths["samples"] / "samples.json").unlink()
    with pytest.raises(InputError, match="not a finished sample set"):
        open_images(paths["samples"])


def test_a_corrupt_image_of_a_sample_set_is_named(paths: dict[str, Path]) -> None:
    file = paths["samples"] / "images" / "000003.png"
    file.write_bytes(file.read_bytes()[:-60])
    with pytest.raises(InputError, match=r"000003\.png cannot be read"):
        open_images(paths["samples"]).pixels(np.arange(6))


def test_a_prepared_dataset_is_not_taken_for_a_folder(pairs: Path) -> None:
    """Its semantic maps would count as images."""
    with pytest.raises(InputError, match="is a prepared dataset, not a folder of images"):
        open_images(pairs)


def test_other_paths_are_refused_and_told_what_is_accepted(tmp_path: Path) -> None:
    accepted = r"accepted are a folder of images, a sample set of this project, a \.zip of images, and ADM's \.npz"
    with pytest.raises(InputError, match=f"does not exist; {accepted}"):
        open_images(tmp_path / "nothing")
    np.save(tmp_path / "x.npy", PIXELS)
    with pytest.raises(InputError, match=rf"x\.npy is none of the kinds.*{accepted}"):
        open_images(tmp_path / "x.npy")
