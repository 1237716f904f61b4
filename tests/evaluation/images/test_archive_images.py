"""Zip archives of images: the folder they were made from, and everything that a hostile one may hold."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.image_files import flip_byte, photograph, write_squares, zip_folder

from ldm_pipelines.errors import InputError
from ldm_pipelines.evaluation.images.archive import MAX_MEMBER_BYTES, open_archive
from ldm_pipelines.evaluation.images.folder import open_folder
from ldm_pipelines.evaluation.images.image_files import ImageFiles
from ldm_pipelines.evaluation.images.preprocessing import Preprocessing


def everything(images: ImageFiles) -> np.ndarray:
    return images.pixels(np.arange(len(images)))


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("preprocessing", [None, Preprocessing(image_size=8, resize="bicubic")])
def test_an_archive_is_the_folder_it_was_made_from(
    tmp_path: Path, compression: int, preprocessing: Preprocessing | None
) -> None:
    folder = open_folder(write_squares(tmp_path / "images"), preprocessing, class_folders=True)
    archive = open_archive(
        zip_folder(tmp_path / "images", tmp_path / "x.zip", compression), preprocessing, class_folders=True
    )
    assert (archive.ids, archive.classes) == (folder.ids, folder.classes)
    assert archive.labels.tolist() == folder.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert archive.image_size == folder.image_size
    np.testing.assert_array_equal(everything(archive), everything(folder))


def test_folders_are_classes_only_where_that_is_asked_for(tmp_path: Path) -> None:
    file = zip_folder(write_squares(tmp_path / "images"), tmp_path / "x.zip")
    assert open_archive(file).labels.tolist() == [-1] * 6


def test_what_a_mac_adds_is_skipped(tmp_path: Path) -> None:
    file = zip_folder(write_squares(tmp_path / "images"), tmp_path / "x.zip")
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("__MACOSX/cat/._0.png", b"resource fork")
    assert len(open_archive(file)) == 6


def test_a_wrong_checksum_is_an_error_that_names_the_image(tmp_path: Path) -> None:
    file = zip_folder(write_squares(tmp_path / "images"), tmp_path / "x.zip", zipfile.ZIP_STORED)
    flip_byte(file, "dog/4.png", 0.5)
    images = open_archive(file)
    assert images.pixels(np.array([0, 1, 2, 3, 5])).shape == (5, 12, 12, 3)
    with pytest.raises(InputError, match=r"x\.zip: dog/4\.png: .*Bad CRC-32"):
        everything(images)


def test_a_damaged_compressed_member_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    photograph(0, 12).save(folder / "a.bmp")
    photograph(1, 12).save(folder / "b.bmp")
    file = zip_folder(folder, tmp_path / "x.zip")
    flip_byte(file, "b.bmp", 0.5)
    with pytest.raises(InputError, match=r"b\.bmp: unreadable or truncated"):
        everything(open_archive(file))


def test_text_and_a_truncated_png_inside_are_named(tmp_path: Path) -> None:
    folder = write_squares(tmp_path / "images")
    (folder / "dog" / "3.png").write_bytes((folder / "dog" / "3.png").read_bytes()[:-60])
    (folder / "dog" / "4.png").write_text("a text, not a picture")
    images = open_archive(zip_folder(folder, tmp_path / "x.zip"))
    with pytest.raises(InputError, match=r"dog/3\.png: unreadable or truncated"):
        images.pixels(np.array([3]))
    with pytest.raises(InputError, match=r"dog/4\.png: not an image"):
        images.pixels(np.array([4]))


def test_a_truncated_archive_is_an_error(tmp_path: Path) -> None:
    file = zip_folder(write_squares(tmp_path / "images"), tmp_path / "x.zip")
    file.write_bytes(file.read_bytes()[:-200])
    with pytest.raises(InputError, match=r"x\.zip is not a readable zip file.*copied whole"):
        open_archive(file)


@pytest.mark.parametrize("name", ["/etc/a.png", "../a.png", "cat/../../a.png", "cat\\a.png"])
def test_members_that_lie_outside_are_refused(tmp_path: Path, name: str) -> None:
    file = zip_folder(write_squares(tmp_path / "images"), tmp_path / "x.zip")
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr(zipfile.ZipInfo(name), (tmp_path / "images" / "cat" / "0.png").read_bytes())
    with pytest.raises(InputError, match="does not lie inside the archive"):
        open_archive(file)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name_are_refused(tmp_path: Path) -> None:
    file = zip_folder(write_squares(tmp_path / "images"), tmp_path / "x.zip")
    with zipfile.ZipFile(file, "a") as archive:
        archive.write(tmp_path / "images" / "dog" / "4.png", "cat/0.png")
    with pytest.raises(InputError, match=r"two members 'cat/0\.png'"):
        open_archive(file)


def test_a_zip_bomb_is_not_inflated(tmp_path: Path) -> None:
    file = tmp_path / "x.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("bomb.png", "w") as member:
        for _ in range(MAX_MEMBER_BYTES // (1 << 24) + 1):
            member.write(bytes(1 << 24))
    assert file.stat().st_size < MAX_MEMBER_BYTES / 500
    with pytest.raises(InputError, match=r"bomb\.png: it claims \d+ bytes"):
        open_archive(file)


def test_an_image_of_absurd_size_is_not_decoded(tmp_path: Path) -> None:
    """A few kilobytes of PNG: PIL's own limit holds, which is that of the preparation of datasets."""
    Image.new("1", (20_000, 20_000)).save(tmp_path / "a.png")
    file = tmp_path / "x.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.write(tmp_path / "a.png", "a.png")
    with pytest.raises(InputError, match=r"a\.png: decompression bomb"):
        open_archive(file)


def test_an_encrypted_member_is_named(tmp_path: Path) -> None:
    photograph(0, 12).save(tmp_path / "a.png")
    file = tmp_path / "x.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.write(tmp_path / "a.png", "a.png")
    content = bytearray(file.read_bytes())
    content[6] |= 1  # the flag of encryption in the member's own header, and in the table of contents
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.png: .*encrypted"):
        open_archive(file)


def test_an_archive_without_images_says_what_it_holds(tmp_path: Path) -> None:
    file = tmp_path / "x.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("arr_0.npy", b"")
    with pytest.raises(InputError, match=r"holds no images, only other files: 1 \.npy"):
        open_archive(file)


def test_an_image_of_a_format_that_cannot_be_read_is_not_left_out(tmp_path: Path) -> None:
    file = zip_folder(write_squares(tmp_path / "images"), tmp_path / "x.zip")
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("dog/phone.HEIC", b"ftypheic")
    with pytest.raises(InputError, match=r"dog/phone\.HEIC: the format \.heic is not supported"):
        open_archive(file)
