import json
import logging
import multiprocessing
import os
import shutil
import signal
import time
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from ldm_pipelines.data.boxes import Box
from ldm_pipelines.data.manifest import read_manifest, read_rejected
from ldm_pipelines.data.prepared import PreparedDataset
from ldm_pipelines.errors import InputError
from ldm_pipelines.preparation.listing.entries import Candidate, Listing
from ldm_pipelines.preparation.prepare import SOURCES, prepare
from ldm_pipelines.preparation.spec import Dataset

Make = Callable[..., Dataset]
Photo = Callable[..., Image.Image]
ALL_TRAIN = {"train": 1, "validation": 0, "test": 0}


def contents(folder: Path) -> dict[str, bytes]:
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def digits(dataset: Make, **changes: object) -> Dataset:
    splits = {"train": 0.8, "validation": 0.0, "test": 0.2}
    return dataset(**{"name": "digits", "source": {"kind": "digits"}, "image_size": 32, "splits": splits} | changes)


def test_digits_equal_scikit_learns_after_a_resize_of_our_own(tmp_path: Path, dataset: Make) -> None:
    folder = prepare(digits(dataset), None, tmp_path, progress=False)
    source, manifest = load_digits(), read_manifest(folder)
    assert len(manifest) == 1797
    assert manifest["label"].tolist() == source.target.tolist()
    for row in range(0, 1797, 37):
        grey = Image.fromarray((source.data[row].reshape(8, 8) / 16 * 255).round().astype("uint8"))
        expected = np.stack([np.asarray(grey.resize((32, 32), Image.Resampling.BICUBIC))] * 3, axis=-1)
        np.testing.assert_array_equal(Image.open(folder / manifest["path"][row]), expected)


def test_digits_are_the_same_bytes_as_ever(tmp_path: Path, dataset: Make) -> None:
    """What came later (captions, boxes, maps) must not change datasets without it: their digest is in all results."""
    folder = prepare(digits(dataset), None, tmp_path, progress=False)
    assert set(contents(folder)) - set(read_manifest(folder)["path"]) == {
        "dataset.json", "manifest.parquet", "rejected.parquet",
    }  # fmt: skip
    assert [*read_manifest(folder)][-1] == "label"
    assert [*json.loads((folder / "dataset.json").read_text())][-1] == "ignored"


def test_digits_split_about_as_asked_with_every_class_on_both_sides(tmp_path: Path, dataset: Make) -> None:
    prepared = PreparedDataset(prepare(digits(dataset), None, tmp_path, progress=False))
    assert prepared.classes == [str(digit) for digit in range(10)]
    assert prepared.counts["validation"] == 0
    assert abs(prepared.counts["train"] / 1797 - 0.8) < 0.03
    assert set(prepared.split("train").labels) == set(prepared.split("test").labels) == set(range(10))


def test_digits_can_be_limited(tmp_path: Path, dataset: Make) -> None:
    folder = prepare(digits(dataset, source={"kind": "digits", "limit": 25}), None, tmp_path, progress=False)
    assert read_manifest(folder)["label"].tolist() == load_digits().target[:25].tolist()


def test_the_folder_holds_what_its_manifest_says(tmp_path: Path, tree: Path, dataset: Make) -> None:
    folder = prepare(dataset(), tree, tmp_path / "work", progress=False)
    assert folder == tmp_path / "work" / "artefact"
    manifest = read_manifest(folder)
    assert manifest["origin"].tolist()[:3] == ["cat/a.png", "cat/b.PNG", "cat/deep/cat/c.JPeG"]
    assert manifest["label"].tolist() == [0, 0, 0, 1, 1, 1]
    assert (manifest["source_width"] == 24).all() and (manifest["width"] == 16).all()
    files = contents(folder)
    assert set(files) == {"manifest.parquet", "rejected.parquet", "dataset.json", *manifest["path"]}
    assert [sha256(files[path]).hexdigest() for path in manifest["path"]] == manifest["sha256"].tolist()
    description = json.loads(files["dataset.json"])
    assert description["classes"] == ["cat", "dog"]
    assert description["ignored"] == {".txt": 2, "no extension": 1}
    assert sum(description["counts"].values()) == 6


def test_the_same_images_give_the_same_bytes(tmp_path: Path, tree: Path, dataset: Make) -> None:
    elsewhere = tmp_path / "another place"
    shutil.copytree(tree, elsewhere)
    first = prepare(dataset(), tree, tmp_path / "first", progress=False)
    second = prepare(dataset(), elsewhere, tmp_path / "second", progress=False)
    assert contents(first) == contents(second)


def test_splits_ignore_names_order_and_the_other_images(tmp_path: Path, dataset: Make, photo: Photo) -> None:
    def splits(root: Path, names: dict[str, int]) -> dict[str, str]:
        for name, seed in names.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            photo(seed).save(root / name)
        manifest = read_manifest(prepare(dataset(), root, root.parent / f"work-{root.name}", progress=False))
        return dict(zip(manifest["pixels"], manifest["split"], strict=True))

    everything = splits(tmp_path / "one", {f"a/{seed:02d}.png": seed for seed in range(30)})
    part = splits(tmp_path / "two", {f"b/{99 - seed}.bmp": seed for seed in range(7, 19)})
    assert len(everything) == 30 and len(part) == 12
    assert set(everything.values()) == {"train", "validation", "test"}
    assert part.items() <= everything.items()


def test_copies_of_an_image_stay_together_under_different_ids(tmp_path: Path, dataset: Make, photo: Photo) -> None:
    (tmp_path / "raw").mkdir()
    for seed in range(8):
        photo(seed).save(tmp_path / "raw" / f"{seed}.png")
        photo(seed).save(tmp_path / "raw" / f"{seed}-copy.tif")
    manifest = read_manifest(prepare(dataset(), tmp_path / "raw", tmp_path / "work", progress=False))
    assert manifest["id"].is_unique and len(manifest) == 16
    assert manifest.groupby("pixels")["split"].nunique().tolist() == [1] * 8
    assert manifest.groupby("pixels").size().tolist() == [2] * 8


def test_what_is_not_usable_is_listed_and_warned_about(
    tmp_path: Path, tree: Path, dataset: Make, photo: Photo, caplog: pytest.LogCaptureFixture
) -> None:
    (tree / "cat" / "empty.png").touch()
    (tree / "cat" / "text.jpg").write_text("not a picture")
    photo(1).save(tree / "dog" / "film.gif", save_all=True, append_images=[photo(2)])
    (tree / "lion").symlink_to(tree / "cat")
    photo(3).convert("CMYK").save(tree / "dog" / "ink.tif")
    with caplog.at_level(logging.WARNING):
        folder = prepare(dataset(), tree, tmp_path / "work", progress=False)
    rejected = read_rejected(folder)
    assert rejected["path"].tolist() == ["cat/empty.png", "cat/text.jpg", "dog/film.gif", "lion"]
    assert rejected["reason"][0] == "the file is empty (0 bytes)"
    assert str(tmp_path) not in rejected.to_csv()
    assert "4 of 11 images rejected" in caplog.text and "rejected.parquet" in caplog.text
    manifest = read_manifest(folder).set_index("origin")
    assert len(manifest) == 7 and manifest.loc["dog/ink.tif", "source_mode"] == "CMYK"


def test_nothing_is_warned_about_when_nothing_is_wrong(
    tmp_path: Path, tree: Path, dataset: Make, caplog: pytest.LogCaptureFixture
) -> None:
    folder = prepare(dataset(), tree, tmp_path / "work", progress=False)
    assert [record for record in caplog.records if record.levelname != "INFO"] == []
    assert read_rejected(folder).empty


def test_images_without_a_class_are_marked_and_warned_about(
    tmp_path: Path, tree: Path, dataset: Make, photo: Photo, caplog: pytest.LogCaptureFixture
) -> None:
    photo(9).save(tree / "stray.png")
    manifest = read_manifest(prepare(dataset(), tree, tmp_path / "work", progress=False)).set_index("origin")
    assert manifest.loc["stray.png", "label"] == -1
    assert "1 of 7 images have no class" in caplog.text


def listed(candidate: Candidate, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the source ``digits`` have this one image, with class names for its boxes and its map."""
    listing = Listing.of([candidate], box_classes=("thing",), map_classes=("nothing", "thing"))
    monkeypatch.setitem(SOURCES, "digits", lambda source, raw, name, image_size: listing)


def test_a_drawn_map_of_an_image_that_would_be_cropped_is_an_error(
    tmp_path: Path, dataset: Make, photo: Photo, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ones(size: int) -> np.ndarray:
        return np.ones((size, size), np.uint8)

    listed(Candidate("wide", None, lambda: photo(size=(24, 20)), draw_map=ones), monkeypatch)
    with pytest.raises(InputError, match="'digits': wide has a drawn semantic map and is 24 x 20 pixels; only square"):
        prepare(digits(dataset), None, tmp_path / "wide", progress=False)
    listed(Candidate("square", None, lambda: photo(size=(20, 20)), draw_map=ones), monkeypatch)
    assert len(read_manifest(prepare(digits(dataset), None, tmp_path / "square", progress=False))) == 1


def test_boxes_are_cropped_with_their_image(
    tmp_path: Path, dataset: Make, photo: Photo, monkeypatch: pytest.MonkeyPatch
) -> None:
    boxes = [Box(0, 0, 0, 1, 1), Box(0, 0.25, 0.5, 0.25, 0.5), Box(0, 0, 0, 0.24, 1), Box(0, 0.2, 0, 0.1, 0.5)]
    listed(Candidate("wide", None, lambda: photo(size=(40, 20)), boxes=boxes), monkeypatch)
    folder = prepare(digits(dataset, splits=ALL_TRAIN), None, tmp_path, progress=False)
    found = PreparedDataset(folder).split("train").boxes(0)
    assert found == [Box(0, 0, 0, 1, 1), Box(0, 0, 0.5, 0.5, 0.5), Box(0, 0, 0, pytest.approx(0.1), 0.5)]


def test_a_box_that_leaves_the_image_is_an_error(
    tmp_path: Path, dataset: Make, photo: Photo, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed(Candidate("square", None, lambda: photo(size=(9, 9)), boxes=[Box(0, 0.6, 0, 0.5, 0.5)]), monkeypatch)
    with pytest.raises(InputError, match=r"boxes\.parquet: .*'boxes end inside the image'"):
        prepare(digits(dataset), None, tmp_path, progress=False)


def test_images_without_a_caption_have_an_empty_one_where_others_have_one(
    tmp_path: Path, dataset: Make, photo: Photo, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = [Candidate(f"image {n}", None, partial(photo, n), caption=text) for n, text in enumerate(("a cat", None))]
    monkeypatch.setitem(SOURCES, "digits", lambda source, raw, name, image_size: Listing.of(images))
    folder = prepare(digits(dataset, splits=ALL_TRAIN), None, tmp_path, progress=False)
    assert PreparedDataset(folder).split("train").captions == ["a cat", ""]
    assert not (folder / "boxes.parquet").exists() and not (folder / "maps").exists()


def test_a_source_may_say_which_split_an_image_belongs_to(
    tmp_path: Path, dataset: Make, photo: Photo, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = [Candidate(f"image {n}", None, partial(photo, n), split="validation") for n in range(5)]
    monkeypatch.setitem(SOURCES, "digits", lambda source, raw, name, image_size: Listing.of(images))
    prepared = PreparedDataset(prepare(digits(dataset, splits=ALL_TRAIN), None, tmp_path, progress=False))
    assert prepared.counts == {"train": 0, "validation": 5, "test": 0}


def test_a_torn_map_is_drawn_again(tmp_path: Path, dataset: Make) -> None:
    source = {"kind": "scenes", "count": 5, "objects": (2, 2), "overlap": 0, "grid": None, "seed": 0}
    folder = prepare(digits(dataset, source=source), None, tmp_path, progress=False)
    before = contents(folder)
    next((folder / "maps").iterdir()).write_bytes(b"torn")
    (folder / "maps" / "leftover.png").touch()
    assert contents(prepare(digits(dataset, source=source), None, tmp_path, progress=False)) == before


def test_nothing_usable_is_an_error_that_says_why(tmp_path: Path, dataset: Make) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    with pytest.raises(InputError, match="dataset 'pets' has no usable image: none found"):
        prepare(dataset(), raw, tmp_path / "work", progress=False)
    (raw / "about.txt").touch()
    (raw / "a.png").touch()
    with pytest.raises(InputError, match=r"all 1 were rejected .*empty.*'a\.png'.*passed over: 1 \.txt"):
        prepare(dataset(), raw, tmp_path / "work", progress=False)
    assert not (tmp_path / "work" / "artefact").exists()


def test_a_second_call_keeps_good_images_and_repairs_the_rest(
    tmp_path: Path, tree: Path, dataset: Make, photo: Photo
) -> None:
    work = tmp_path / "work"
    folder = prepare(dataset(), tree, work, progress=False)
    paths = read_manifest(folder)["path"]
    kept = (folder / paths[0]).stat().st_mtime_ns
    (folder / paths[1]).write_bytes(b"torn")
    photo(77).save(tree / "dog" / "a.jpg")
    (tree / "dog" / "c.webp").unlink()
    again = prepare(dataset(), tree, work, progress=False)
    assert (again / paths[0]).stat().st_mtime_ns == kept
    assert contents(again) == contents(prepare(dataset(), tree, tmp_path / "fresh", progress=False))


def test_other_parameters_do_not_continue_old_work(tmp_path: Path, tree: Path, dataset: Make) -> None:
    prepare(dataset(), tree, tmp_path / "work", progress=False)
    again = prepare(dataset(image_size=8), tree, tmp_path / "work", progress=False)
    assert contents(again) == contents(prepare(dataset(image_size=8), tree, tmp_path / "fresh", progress=False))


@pytest.mark.parametrize(
    "source",
    [
        {"kind": "digits", "limit": 1000},
        # with boxes and maps
        {"kind": "scenes", "count": 450, "objects": (2, 4), "overlap": 0.3, "grid": None, "seed": 0},
    ],
    ids=["digits", "scenes"],
)
def test_a_killed_preparation_goes_on_to_the_same_bytes(tmp_path: Path, dataset: Make, source: dict[str, Any]) -> None:
    spec, work = digits(dataset, source=source), tmp_path / "work"
    process = multiprocessing.get_context("spawn").Process(target=prepare, args=(spec, None, work, False))
    process.start()
    deadline = time.monotonic() + 60
    while len(list((work / "partial" / "images").glob("*.png"))) < 300 and time.monotonic() < deadline:
        time.sleep(0.005)
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    assert not (work / "artefact").exists()
    (work / "parts" / "000002.partial").write_text('{"number": 3, "ori')
    resumed = prepare(spec, None, work, progress=False)
    assert contents(resumed) == contents(prepare(spec, None, tmp_path / "fresh", progress=False))
