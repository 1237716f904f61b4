"""Any folder of images, against Pillow and against the preparation of datasets."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.image_files import photograph, write_squares

from ldm_pipelines.data.prepared import PreparedDataset
from ldm_pipelines.data.resizing import FILTERS
from ldm_pipelines.errors import InputError
from ldm_pipelines.evaluation.images.folder import open_folder
from ldm_pipelines.evaluation.images.preprocessing import Preprocessing
from ldm_pipelines.preparation.prepare import prepare
from ldm_pipelines.preparation.spec import Dataset


def everything(images: object) -> np.ndarray:
    return images.pixels(np.arange(len(images)))  # type: ignore[attr-defined]


def test_pixels_are_those_that_pillow_reads_sorted_by_path(tmp_path: Path) -> None:
    folder = write_squares(tmp_path / "images")
    images = open_folder(folder)
    assert images.ids == ["cat/0.png", "cat/1.png", "cat/2.png", "dog/3.png", "dog/4.png", "dog/5.png"]
    assert images.image_size == 12
    expected = np.stack([np.asarray(Image.open(folder / name)) for name in images.ids])
    np.testing.assert_array_equal(everything(images), expected)
    np.testing.assert_array_equal(images.pixels(np.array([4, 0, 4])), expected[[4, 0, 4]])


def test_folders_are_classes_only_where_that_is_asked_for(tmp_path: Path) -> None:
    folder = write_squares(tmp_path / "images")
    photograph(9, 12).save(folder / "z.png")
    assert open_folder(folder).labels.tolist() == [-1] * 7
    assert open_folder(folder).classes == []
    labelled = open_folder(folder, class_folders=True)
    assert labelled.classes == ["cat", "dog"]
    assert labelled.labels.tolist() == [0, 0, 0, 1, 1, 1, -1]


def test_classes_that_are_asked_for_must_be_there(tmp_path: Path) -> None:
    photograph(0, 12).save(tmp_path / "a.png")
    with pytest.raises(InputError, match="no folders that could be classes"):
        open_folder(tmp_path, class_folders=True)


def write_mixture(folder: Path) -> Path:
    """Landscape, portrait, grey, transparent, palette, 16 bits, turned by EXIF, JPEG: no two of one size."""
    folder.mkdir()
    photograph(0, 40, 30).save(folder / "a.png")
    photograph(1, 21, 35).save(folder / "b.jpg", quality=90)
    photograph(2, 33, 31).convert("L").save(folder / "c.png")
    transparent = photograph(3, 26, 27)
    transparent.putalpha(photograph(4, 26, 27).convert("L"))
    transparent.save(folder / "d.png")
    photograph(5, 50, 20).quantize(16).save(folder / "e.gif")
    grey = np.linspace(0, 65535, 30 * 28).astype(np.uint16).reshape(30, 28)
    Image.fromarray(grey).save(folder / "f.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    photograph(6, 37, 25).save(folder / "g.jpg", exif=exif)
    photograph(7, 10, 9).save(folder / "h.bmp")
    return folder


@pytest.mark.parametrize("resize", FILTERS)
def test_preprocessing_gives_the_very_pixels_of_a_dataset_prepared_from_the_folder(
    tmp_path: Path, workspace: Path, resize: str
) -> None:
    folder = write_mixture(tmp_path / "images")
    parameters = {
        "name": "mixture", "source": {"kind": "image_folder"}, "upstream": "x", "image_size": 16, "resize": resize,
        "splits": {"train": 1.0, "validation": 0.0, "test": 0.0},
    }  # fmt: skip
    prepared = PreparedDataset(prepare(Dataset.model_validate(parameters), folder, workspace, progress=False))
    split = prepared.split("train")
    images = open_folder(folder, Preprocessing(image_size=16, resize=resize))  # type: ignore[arg-type]
    assert len(images) == len(split) == 8
    assert images.image_size == 16
    assert everything(images).tobytes() == everything(split).tobytes()


def test_without_preprocessing_an_image_of_another_size_is_named(tmp_path: Path) -> None:
    folder = write_squares(tmp_path / "images")
    photograph(9, 14, 12).save(folder / "dog" / "wide.png")
    images = open_folder(folder)
    assert images.pixels(np.arange(6)).shape == (6, 12, 12, 3)
    with pytest.raises(InputError, match=r"dog/wide\.png has 14 x 12 pixels, cat/0\.png 12 x 12.*image_size"):
        images.pixels(np.array([6]))


def test_without_preprocessing_images_must_be_squares(tmp_path: Path) -> None:
    photograph(0, 14, 12).save(tmp_path / "wide.png")
    with pytest.raises(InputError, match=r"wide\.png has 14 x 12 pixels, no square.*image_size"):
        open_folder(tmp_path)


def test_a_truncated_png_is_named_and_gives_no_pixels(tmp_path: Path) -> None:
    folder = write_squares(tmp_path / "images")
    file = folder / "dog" / "4.png"
    file.write_bytes(file.read_bytes()[:-60])
    images = open_folder(folder)
    with pytest.raises(InputError, match=r"dog/4\.png: unreadable or truncated.*replace or remove"):
        everything(images)


@pytest.mark.parametrize("preprocessing", [None, Preprocessing(image_size=8, resize="box")])
def test_text_that_is_called_png_is_named(tmp_path: Path, preprocessing: Preprocessing | None) -> None:
    (tmp_path / "a.png").write_text("a text, not a picture")
    with pytest.raises(InputError, match=r"a\.png: not an image that can be read"):
        everything(open_folder(tmp_path, preprocessing))


def test_an_image_of_a_format_that_cannot_be_read_is_not_left_out(tmp_path: Path) -> None:
    folder = write_squares(tmp_path / "images")
    (folder / "dog" / "phone.heic").write_bytes(b"ftypheic")
    with pytest.raises(InputError, match=r"dog/phone\.heic: the format \.heic is not supported"):
        open_folder(folder)


def test_a_file_that_vanishes_is_named(tmp_path: Path) -> None:
    folder = write_squares(tmp_path / "images")
    images = open_folder(folder)
    (folder / "dog" / "3.png").unlink()
    with pytest.raises(InputError, match=r"dog/3\.png: unreadable: No such file"):
        everything(images)


def test_a_folder_without_images_says_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "numbers.csv").write_text("1,2")
    with pytest.raises(InputError, match=r"holds no images, only other files: 1 \.csv"):
        open_folder(tmp_path)


def test_files_that_are_no_images_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    open_folder(write_squares(tmp_path / "images"))
    assert "passed over files that are no images: 1 .txt" in caplog.text


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a folder"):
        open_folder(tmp_path / "nothing")
