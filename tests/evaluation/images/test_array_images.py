"""Sample batches as guided-diffusion (ADM) writes them, with numpy alone."""

import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.image_files import flip_byte, photograph

from ldm_pipelines.errors import InputError
from ldm_pipelines.evaluation.images.arrays import ArrayImages
from ldm_pipelines.evaluation.images.preprocessing import Preprocessing

Save = Callable[..., None]
PIXELS = np.random.default_rng(0).integers(0, 256, (9, 12, 12, 3), dtype=np.uint8)
BOTH = pytest.mark.parametrize("save", [np.savez, np.savez_compressed])


@BOTH
@pytest.mark.parametrize("order", [range(9), [8, 7, 3, 3, 0], [5], [2, 8, 1]])
def test_pixels_are_those_that_numpy_reads_in_any_order(tmp_path: Path, save: Save, order: list[int]) -> None:
    save(tmp_path / "x.npz", PIXELS)
    images = ArrayImages(tmp_path / "x.npz")
    assert (len(images), images.image_size) == (9, 12)
    for _ in range(2):  # backwards, too
        np.testing.assert_array_equal(images.pixels(np.array(order)), np.load(tmp_path / "x.npz")["arr_0"][order])
    assert images.ids == [f"arr_0[{index}]" for index in range(9)]
    assert images.labels.tolist() == [-1] * 9


@BOTH
def test_labels_are_the_second_array(tmp_path: Path, save: Save) -> None:
    labels = np.array([3, 1, 4, 1, 5, 9, 2, 6, -1])
    save(tmp_path / "x.npz", PIXELS, labels.astype(np.int32))
    images = ArrayImages(tmp_path / "x.npz")
    assert images.labels.tolist() == labels.tolist()
    assert images.labels.dtype == np.int64


@BOTH
def test_the_array_is_not_read_whole(tmp_path: Path, save: Save) -> None:
    save(tmp_path / "x.npz", np.random.default_rng(0).integers(0, 256, (400, 128, 128, 3), dtype=np.uint8))
    size = (tmp_path / "x.npz").stat().st_size
    tracemalloc.start()
    try:
        images = ArrayImages(tmp_path / "x.npz")
        for first in range(0, 400, 10):
            images.pixels(np.arange(first, first + 10))
        assert tracemalloc.get_traced_memory()[1] < size / 3
    finally:
        tracemalloc.stop()


def test_preprocessing_crops_and_resizes_as_pillow_does(tmp_path: Path) -> None:
    wide = np.stack([np.asarray(photograph(seed, 24, 16)) for seed in range(3)])
    np.savez(tmp_path / "x.npz", wide)
    images = ArrayImages(tmp_path / "x.npz", Preprocessing(image_size=8, resize="bicubic"))
    expected = [Image.fromarray(image).resize((12, 8), Image.Resampling.BICUBIC).crop((2, 0, 10, 8)) for image in wide]
    np.testing.assert_array_equal(images.pixels(np.arange(3)), np.stack([np.asarray(image) for image in expected]))
    with pytest.raises(InputError, match="24 x 16 pixels, no squares"):
        ArrayImages(tmp_path / "x.npz")


@BOTH
def test_statistics_beside_the_images_do_not_matter(tmp_path: Path, save: Save) -> None:
    """ADM's reference batches."""
    save(tmp_path / "x.npz", mu=np.zeros(4), sigma=np.eye(4), mu_s=np.zeros(3), sigma_s=np.eye(3), arr_0=PIXELS)
    np.testing.assert_array_equal(ArrayImages(tmp_path / "x.npz").pixels(np.arange(9)), PIXELS)


@BOTH
@pytest.mark.parametrize("share", [0.1, 0.5, 0.999])
def test_a_truncated_file_is_an_error(tmp_path: Path, save: Save, share: float) -> None:
    save(tmp_path / "x.npz", PIXELS)
    content = (tmp_path / "x.npz").read_bytes()
    (tmp_path / "x.npz").write_bytes(content[: int(share * len(content))])
    with pytest.raises(InputError, match=r"x\.npz is not a readable zip file.*copied whole"):
        ArrayImages(tmp_path / "x.npz")


@BOTH
@pytest.mark.parametrize("at", [0.3, 0.9])
def test_one_wrong_byte_is_an_error(tmp_path: Path, save: Save, at: float) -> None:
    save(tmp_path / "x.npz", np.asarray(PIXELS // 64 * 64))
    flip_byte(tmp_path / "x.npz", "arr_0.npy", at)
    with pytest.raises(InputError, match=r"x\.npz: arr_0\.npy is damaged"):
        ArrayImages(tmp_path / "x.npz")


def test_a_wrong_byte_in_the_labels_is_an_error(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", PIXELS, np.arange(9))
    flip_byte(tmp_path / "x.npz", "arr_1.npy", 0.9)
    with pytest.raises(InputError, match=r"arr_1\.npy is damaged.*Bad CRC-32"):
        ArrayImages(tmp_path / "x.npz")


def test_an_array_that_ends_early_is_an_error(tmp_path: Path) -> None:
    np.save(tmp_path / "arr_0.npy", PIXELS)
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("arr_0.npy", (tmp_path / "arr_0.npy").read_bytes()[:-500])
    with pytest.raises(InputError, match="does not hold the"):
        ArrayImages(tmp_path / "x.npz")


@pytest.mark.parametrize("content", [b"", b"a text", b"\x93NUMPY\x01\x00\x10\x00{'descr': (((((  \n"])
def test_what_is_no_array_is_an_error(tmp_path: Path, content: bytes) -> None:
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("arr_0.npy", content)
    with pytest.raises(InputError, match="arr_0 cannot be read"):
        ArrayImages(tmp_path / "x.npz")


class Harmful:
    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return (__import__("os").system, ("touch harmed",))


@pytest.mark.parametrize("name", ["arr_0", "arr_1"])
def test_pickles_are_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    arrays = {"arr_0": PIXELS, "arr_1": np.arange(9)} | {name: np.array([Harmful()] * 9, dtype=object)}
    np.savez("x.npz", **arrays)
    with pytest.raises(InputError, match=f"{name} is a pickle"):
        ArrayImages(Path("x.npz"))
    assert not Path("harmed").exists()


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": PIXELS}, r"has no arr_0; it holds images\.npy; expected is arr_0 uint8"),
        ({"arr_0": PIXELS / 255}, r"arr_0 is float64\(9, 12, 12, 3\)"),
        ({"arr_0": PIXELS.transpose(0, 3, 1, 2).copy()}, r"arr_0 is uint8\(9, 3, 12, 12\)"),
        ({"arr_0": PIXELS[..., 0]}, r"arr_0 is uint8\(9, 12, 12\)"),
        ({"arr_0": PIXELS[:0]}, "no images"),
        ({"arr_0": np.asfortranarray(PIXELS)}, "Fortran order"),
        ({"arr_0": PIXELS, "arr_1": np.arange(8)}, "arr_1 is int64.*not one integer for each of 9 images"),
        ({"arr_0": PIXELS, "arr_1": np.zeros(9)}, "arr_1 is float64"),
        ({"arr_0": PIXELS, "arr_1": np.eye(9, dtype=int)}, r"arr_1 is int64\(9, 9\)"),
        ({"arr_0": PIXELS, "arr_1": np.full(9, -2)}, "has the label -2"),
    ],
)
def test_other_arrays_are_refused(tmp_path: Path, arrays: dict[str, np.ndarray], message: str) -> None:
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(InputError, match=message):
        ArrayImages(tmp_path / "x.npz")


def test_images_of_absurd_size_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ldm_pipelines.evaluation.images.arrays.MAX_PIXELS", 12 * 12 - 1)
    np.savez_compressed(tmp_path / "x.npz", PIXELS)
    with pytest.raises(InputError, match="some of more than 143 pixels"):
        ArrayImages(tmp_path / "x.npz")


def test_an_index_beyond_the_end_is_no_other_image(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "x.npz", PIXELS)
    images = ArrayImages(tmp_path / "x.npz")
    np.testing.assert_array_equal(images.pixels(np.array([-1])), PIXELS[[-1]])
    with pytest.raises(IndexError):
        images.pixels(np.array([9]))
