"""Datasets whose images are left where they lie."""

import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from ldm_pipelines.data.manifest import read_manifest, read_rejected
from ldm_pipelines.data.prepared import PreparedDataset
from ldm_pipelines.data.share import Share
from ldm_pipelines.errors import InputError
from ldm_pipelines.feature_networks.image_batches import ImageBatches
from ldm_pipelines.preparation.listing.entries import Candidate, Listing, Location, Shard
from ldm_pipelines.preparation.prepare import SOURCES, prepare
from ldm_pipelines.preparation.spec import Dataset

Make = Callable[..., Dataset]
Photo = Callable[..., Image.Image]
ALL_TRAIN = {"train": 1, "validation": 0, "test": 0}
EVERY = np.arange(6)


@pytest.fixture
def folder(tmp_path: Path, tree: Path, dataset: Make) -> Path:
    """Prepared as a project has it: ``data/03_primary/pets`` of ``data/01_raw/pets``."""
    (tmp_path / "data" / "01_raw").mkdir(parents=True)
    (tmp_path / "data" / "01_raw" / "pets").symlink_to(tree)
    made = prepare(dataset(storage="in_place", splits=ALL_TRAIN), tree, tmp_path / "work", progress=False)
    return shutil.move(made, tmp_path / "data" / "03_primary" / "pets")


def test_nothing_is_copied_and_the_pixels_are_those_of_a_packed_dataset(
    tmp_path: Path, folder: Path, tree: Path, dataset: Make
) -> None:
    assert {file.name for file in folder.iterdir()} == {"dataset.json", "manifest.parquet", "rejected.parquet"}
    packed = PreparedDataset(prepare(dataset(splits=ALL_TRAIN), tree, tmp_path / "packed", progress=False))
    there = PreparedDataset(folder).split("train").pixels(EVERY)
    np.testing.assert_array_equal(there, packed.split("train").pixels(EVERY))
    here, facts = read_manifest(folder), read_manifest(packed.folder)
    for column in ("origin", "label", "source_width", "source_height", "source_mode"):
        assert here[column].tolist() == facts[column].tolist()
    assert here["path"].tolist() == here["origin"].tolist()


def test_a_file_that_has_changed_or_gone_is_an_error(folder: Path, tree: Path, photo: Photo) -> None:
    train = PreparedDataset(folder).split("train")
    photo(99).save(tree / "cat" / "b.PNG")
    (tree / "dog" / "a.jpg").unlink()
    assert len(train.pixels(np.array([0, 2]))) == 2
    with pytest.raises(InputError, match=r"b\.PNG has changed since the dataset was prepared"):
        train.pixels(np.array([1]))
    with pytest.raises(InputError, match=r"a\.jpg cannot be read"):
        train.pixels(np.array([3]))


def test_a_missing_raw_folder_is_an_error_that_names_the_setting(folder: Path) -> None:
    (folder.parent.parent / "01_raw" / "pets").unlink()
    with pytest.raises(InputError, match=r"01_raw/pets is not there; .*'dataset_paths: {pets: /path/to/images}'"):
        PreparedDataset(folder).split("train")


def test_a_file_swapped_for_a_link_out_of_the_folder_is_not_followed(folder: Path, tree: Path, tmp_path: Path) -> None:
    shutil.move(tree / "cat" / "a.png", tmp_path / "outside.png")
    (tree / "cat" / "a.png").symlink_to(tmp_path / "outside.png")
    with pytest.raises(InputError, match="leads out of"):
        PreparedDataset(folder).split("train").pixels(np.array([0]))


def test_truncated_files_are_found_while_preparing(
    tmp_path: Path, tree: Path, dataset: Make, photo: Photo, caplog: pytest.LogCaptureFixture
) -> None:
    photo(3, (400, 300)).save(tree / "dog" / "big.jpg", quality=95)
    encoded = (tree / "dog" / "big.jpg").read_bytes()
    (tree / "dog" / "big.jpg").write_bytes(encoded[: len(encoded) // 2])
    photo(4, (500, 8)).save(tree / "dog" / "thin.jpg")
    with caplog.at_level(logging.WARNING):
        folder = prepare(dataset(storage="in_place"), tree, tmp_path / "work", progress=False)
    rejected = read_rejected(folder).set_index("path")["reason"]
    assert "truncated" in rejected["dog/big.jpg"]
    assert "longer than 20 times" in rejected["dog/thin.jpg"]


def test_sizes_are_those_of_the_upright_image_and_small_ones_can_be_left_out(
    tmp_path: Path, tree: Path, dataset: Make, photo: Photo
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    photo(5, (200, 100)).save(tree / "dog" / "turned.jpg", exif=exif)
    folder = prepare(dataset(storage="in_place", min_side=50), tree, tmp_path / "work", progress=False)
    manifest = read_manifest(folder)
    assert manifest["origin"].tolist() == ["dog/turned.jpg"]
    assert (manifest["source_width"][0], manifest["source_height"][0]) == (100, 200)
    assert "min_side, 50" in read_rejected(folder)["reason"][0]


def test_random_crops_are_drawn_for_training_only(tmp_path: Path, tree: Path, dataset: Make) -> None:
    spec = dataset(storage="in_place", splits=ALL_TRAIN, random_crop=(0.5, 0.5), resize="box")
    prepared = PreparedDataset(prepare(spec, tree, tmp_path / "work", progress=False), raw=tree)
    train = prepared.split("train")
    assert train.random_crop
    first, again, other = (train.pixels(EVERY, np.random.default_rng(seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    image = np.asarray(Image.open(tree / "cat" / "a.png"))  # 24 x 20: squares of side 10
    squares = [
        np.asarray(Image.fromarray(image[top : top + 10, left : left + 10]).resize((16, 16), Image.Resampling.BOX))
        for top in range(11)
        for left in range(15)
    ]
    assert any((first[0] == square).all() for square in squares)
    np.testing.assert_array_equal(
        train.pixels(EVERY), PreparedDataset(prepared.folder, tree).split("train").pixels(EVERY)
    )


def test_random_crops_are_those_of_the_whole_batch_in_every_share_which_opens_no_other_image(
    tmp_path: Path, tree: Path, dataset: Make
) -> None:
    spec = dataset(storage="in_place", splits=ALL_TRAIN, random_crop=(0.3, 0.9), resize="box")
    train = PreparedDataset(prepare(spec, tree, tmp_path / "work", progress=False), raw=tree).split("train")
    batch, rng = np.array([4, 1, 0, 5, 2, 3]), np.random.default_rng
    whole = ImageBatches(train, max_shift=2, flip=True).read(batch, rng(0))
    files = [tree / path for path in read_manifest(tmp_path / "work" / "artefact")["path"]]
    parts = []
    for share in (Share(0, 3), Share(1, 3), Share(2, 3)):
        hidden = [files[index] for index in batch if index not in share.take(batch)]
        for file in hidden:
            file.rename(file.with_suffix(".hidden"))
        parts.append(ImageBatches(train, max_shift=2, flip=True).read(batch, rng(0), share))
        for file in hidden:
            file.with_suffix(".hidden").rename(file)
    for part in whole:
        assert torch.equal(torch.cat([each[part] for each in parts]), whole[part])


def test_maps_are_read_with_their_images(
    tmp_path: Path, dataset: Make, photo: Photo, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    photo(1, (30, 20)).save(raw / "a.jpg")
    classes = np.full((20, 30), 255, np.uint8)
    classes[:10] = 1
    Image.fromarray(classes).save(raw / "a.png")
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(raw / "small.png")
    entries = [
        Candidate(name, None, location=Location("a.jpg"), signature="1", map_location=Location(name))
        for name in ("a.png", "small.png", "a.jpg")
    ]
    listing = Listing.of(entries, map_classes=("unlabelled", "sky", "sea"))
    shifted = Listing(listing.shards, map_classes=listing.map_classes, map_shift=1)
    monkeypatch.setitem(SOURCES, "image_folder", lambda source, raw, name, image_size: shifted)
    for storage in ("in_place", "packed"):
        made = prepare(dataset(storage=storage, splits=ALL_TRAIN), raw, tmp_path / storage, progress=False)
        train = PreparedDataset(made, raw).split("train")
        (found,) = train.maps(np.array([0]))
        assert len(train) == 1 and found.shape == (16, 16)
        assert (found[:8] == 2).all() and (found[8:] == 0).all()
        reasons = read_rejected(made)["reason"].tolist()
        assert "its map has 9 x 9 pixels, the image 30 x 20" in reasons[0] and "mode RGB" in reasons[1]


def many(raw: Path, count: int, shards: int, photo: Photo) -> None:
    raw.mkdir()
    for number in range(count):
        (raw / f"{number % shards:02d}").mkdir(exist_ok=True)
        photo(number).save(raw / f"{number % shards:02d}" / f"{number:03d}.png")


def test_processes_give_the_same_bytes(tmp_path: Path, dataset: Make, photo: Photo, monkeypatch: Any) -> None:
    monkeypatch.setattr("ldm_pipelines.preparation.sources.image_folder.SHARD", 7)
    many(tmp_path / "raw", 40, 5, photo)
    (tmp_path / "raw" / "01" / "bad.png").write_text("no image")
    for storage in ("packed", "in_place"):
        spec = dataset(storage=storage)
        alone = prepare(spec, tmp_path / "raw", tmp_path / f"alone-{storage}", False, processes=0)
        beside = prepare(spec, tmp_path / "raw", tmp_path / f"two-{storage}", False, processes=2)
        for file in alone.rglob("*.*"):
            assert (beside / file.relative_to(alone)).read_bytes() == file.read_bytes()
        assert len(read_manifest(beside)) == 40 and len(read_rejected(beside)) == 1


def test_only_shards_that_are_not_done_are_read_again(
    tmp_path: Path, dataset: Make, photo: Photo, monkeypatch: pytest.MonkeyPatch
) -> None:
    many(tmp_path / "raw", 12, 3, photo)
    monkeypatch.setattr("ldm_pipelines.preparation.sources.image_folder.SHARD", 4)
    spec, work = dataset(storage="in_place"), tmp_path / "work"
    before = read_manifest(prepare(spec, tmp_path / "raw", work, progress=False))
    (work / "parts" / "000001.jsonl").unlink()
    unread = tmp_path / "raw" / "00" / "003.png"
    times = unread.stat()
    unread.write_bytes(unread.read_bytes()[:-1] + b"x")  # same size, same time: taken for unchanged, so not read
    os.utime(unread, ns=(times.st_atime_ns, times.st_mtime_ns))
    after = read_manifest(prepare(spec, tmp_path / "raw", work, progress=False))
    assert after.equals(before)
    photo(77).save(unread)
    again = read_manifest(prepare(spec, tmp_path / "raw", work, progress=False))
    assert (again["sha256"] != before["sha256"]).sum() == 1


def test_ids_of_shards_of_unknown_size_are_made_of_the_shards_number(
    tmp_path: Path, tree: Path, dataset: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shard(names: list[str]) -> Shard:
        return Shard(lambda: iter([Candidate(name, None, location=Location(name)) for name in names]))

    listing = Listing([shard(["cat/a.png", "cat/b.PNG"]), shard(["dog/a.jpg"])], classes=("cat", "dog", "eel"))
    monkeypatch.setitem(SOURCES, "image_folder", lambda source, raw, name, image_size: listing)
    folder = prepare(dataset(storage="in_place"), tree, tmp_path / "work", progress=False)
    assert [name[:11] for name in read_manifest(folder)["id"]] == ["00000-00000", "00000-00001", "00001-00000"]
    assert PreparedDataset(folder, tree).classes == ["cat", "dog", "eel"]
