import json
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from ldm_pipelines.data.prepared import PreparedDataset
from ldm_pipelines.data.scenes import BOX_CLASSES, MAP_CLASSES, describe
from ldm_pipelines.errors import InputError
from ldm_pipelines.preparation.prepare import prepare
from ldm_pipelines.preparation.scene_rendering import draw_map, render
from ldm_pipelines.preparation.source_specs.scenes import ScenesSource
from ldm_pipelines.preparation.sources.scenes import draw_scene
from ldm_pipelines.preparation.spec import Dataset

SCENES = {"kind": "scenes", "count": 12, "objects": (2, 4), "overlap": 0.3, "grid": None, "seed": 0}
ALL_TRAIN = {"train": 1, "validation": 0, "test": 0}


@pytest.fixture
def folder(tmp_path: Path, tree: Path, dataset: Callable[..., Dataset]) -> Path:
    return prepare(dataset(splits=ALL_TRAIN), tree, tmp_path / "work", progress=False)


@pytest.fixture
def scenes(tmp_path: Path, dataset: Callable[..., Dataset]) -> Path:
    parameters = dataset(name="toys", source=SCENES, image_size=32, splits=ALL_TRAIN)
    return prepare(parameters, None, tmp_path / "scenes", progress=False)


def test_a_split_gives_pixels_and_labels_in_any_order(folder: Path) -> None:
    prepared = PreparedDataset(folder)
    train = prepared.split("train")
    assert (prepared.name, prepared.image_size, prepared.classes, len(train)) == ("pets", 16, ["cat", "dog"], 6)
    assert train.labels.dtype == np.int64 and train.labels.tolist() == [0, 0, 0, 1, 1, 1]
    pixels = train.pixels(np.array([4, 1, 4]))
    assert pixels.dtype == np.uint8 and pixels.shape == (3, 16, 16, 3)
    for image, index in zip(pixels, [4, 1, 4], strict=True):
        np.testing.assert_array_equal(image, Image.open(folder / "images" / f"{train.ids[index]}.png"))
    assert train.pixels(np.array([], dtype=np.int64)).shape == (0, 16, 16, 3)


def test_images_are_decoded_only_when_asked_for(folder: Path) -> None:
    train = PreparedDataset(folder).split("train")
    file = folder / "images" / f"{train.ids[2]}.png"
    file.write_bytes(file.read_bytes()[:60])
    assert len(train.pixels(np.array([0, 1]))) == 2
    with pytest.raises(InputError, match=file.name):
        train.pixels(np.array([2]))


@pytest.mark.parametrize("image", [Image.new("RGB", (8, 16)), Image.new("L", (16, 16))])
def test_an_image_of_another_shape_is_refused(folder: Path, image: Image.Image) -> None:
    train = PreparedDataset(folder).split("train")
    image.save(folder / "images" / f"{train.ids[0]}.png")
    with pytest.raises(InputError, match=r"not uint8\(16, 16, 3\)"):
        train.pixels(np.array([0]))


def test_a_split_gives_captions_boxes_and_maps_of_the_same_images(scenes: Path) -> None:
    prepared = PreparedDataset(scenes)
    train = prepared.split("train")
    source = ScenesSource.model_validate(SCENES)
    expected = [draw_scene(source, number) for number in range(12)]
    assert (prepared.box_classes, prepared.map_classes) == ([*BOX_CLASSES], [*MAP_CLASSES])
    assert train.has_boxes and train.has_maps
    assert train.captions == [describe(scene.objects) for scene in expected]
    indices = np.array([7, 2, 7])
    maps = train.maps(indices)
    assert maps.dtype == np.uint8 and maps.shape == (3, 32, 32)
    for index, labels, pixels in zip(indices, maps, train.pixels(indices), strict=True):
        scene = expected[index]
        assert train.boxes(index) == [item.box for item in scene.objects]
        np.testing.assert_array_equal(labels, draw_map(scene.objects, 32))
        np.testing.assert_array_equal(pixels, render(scene.objects, scene.background, 32))
    assert train.maps(np.array([], dtype=np.int64)).shape == (0, 32, 32)


def test_asking_for_what_a_dataset_lacks_is_an_error_that_says_what_it_has(folder: Path) -> None:
    train = PreparedDataset(folder).split("train")
    assert train.captions is None and not train.has_boxes and not train.has_maps
    with pytest.raises(InputError, match="dataset 'pets' has no boxes; it has classes"):
        train.boxes(0)
    with pytest.raises(InputError, match="dataset 'pets' has no semantic maps; it has classes"):
        train.maps(np.array([0]))


def test_damaged_maps_are_named(scenes: Path) -> None:
    train = PreparedDataset(scenes).split("train")
    file = scenes / "maps" / f"{train.ids[3]}.png"
    Image.fromarray(np.full((32, 32), 13, dtype=np.uint8)).save(file)
    assert len(train.maps(np.array([2, 4]))) == 2
    with pytest.raises(InputError, match=rf"{train.ids[3]} has a pixel that is none of the dataset's map classes"):
        train.maps(np.array([3]))
    Image.new("L", (16, 16)).save(file)
    with pytest.raises(InputError, match=rf"{file.name} holds uint8\(16, 16\), not uint8\(32, 32\)"):
        train.maps(np.array([3]))


@pytest.mark.parametrize(("column", "value"), [("id", "unknown"), ("label", 12)])
def test_boxes_that_do_not_fit_the_dataset_are_refused(scenes: Path, column: str, value: object) -> None:
    file = scenes / "boxes.parquet"
    frame = pd.read_parquet(file)
    frame.loc[0, column] = value
    frame.to_parquet(file, index=False)
    with pytest.raises(InputError, match=r"boxes\.parquet names images or classes that the dataset does not have"):
        PreparedDataset(scenes).split("train").boxes(0)


def test_an_unknown_split_names_the_nearest(folder: Path) -> None:
    with pytest.raises(InputError, match="no split 'trian'; did you mean 'train'"):
        PreparedDataset(folder).split("trian")


def test_an_empty_split_names_those_that_are_not(folder: Path) -> None:
    prepared = PreparedDataset(folder)
    assert prepared.counts == {"train": 6, "validation": 0, "test": 0}
    with pytest.raises(InputError, match=r"split 'test' of dataset 'pets' is empty.*train \(6\)"):
        prepared.split("test")


def test_what_is_no_prepared_dataset_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no prepared dataset at .*nowhere"):
        PreparedDataset(tmp_path / "nowhere")
    (folder / "manifest.parquet").unlink()
    with pytest.raises(InputError, match=r"manifest\.parquet does not exist"):
        PreparedDataset(folder)
    (folder / "dataset.json").write_text('{"name": "pets"}')
    with pytest.raises(InputError, match=r"dataset\.json: source: Field required"):
        PreparedDataset(folder)
    (folder / "dataset.json").unlink()
    with pytest.raises(InputError, match=r"dataset\.json does not exist"):
        PreparedDataset(folder)


def test_tables_that_contradict_each_other_are_refused(folder: Path) -> None:
    manifest = pd.read_parquet(folder / "manifest.parquet")
    manifest.assign(label=[0, 0, 2, 1, 1, 1]).to_parquet(folder / "manifest.parquet", index=False)
    with pytest.raises(InputError, match="row 2: its label is not one of the 2 classes"):
        PreparedDataset(folder)
    manifest.iloc[:5].to_parquet(folder / "manifest.parquet", index=False)
    with pytest.raises(InputError, match="disagree on the size of the splits"):
        PreparedDataset(folder)


def test_the_digest_follows_the_content(
    folder: Path, tmp_path: Path, tree: Path, dataset: Callable[..., Dataset], photo: Callable[..., Image.Image]
) -> None:
    same = prepare(dataset(splits=ALL_TRAIN), tree, tmp_path / "same", progress=False)
    assert PreparedDataset(folder).digest == PreparedDataset(same).digest
    photo(50).save(tree / "cat" / "a.png")
    other = prepare(dataset(splits=ALL_TRAIN), tree, tmp_path / "other", progress=False)
    assert PreparedDataset(other).digest != PreparedDataset(folder).digest
    assert len(PreparedDataset(other).digest) == 64


def test_the_digest_covers_captions_boxes_and_maps(
    tmp_path: Path, scenes: Path, dataset: Callable[..., Dataset]
) -> None:
    before = PreparedDataset(scenes).digest
    again = prepare(
        dataset(name="toys", source=SCENES, image_size=32, splits=ALL_TRAIN), None, tmp_path / "again", progress=False
    )
    assert PreparedDataset(again).digest == before
    manifest, description = (
        pd.read_parquet(again / "manifest.parquet"),
        json.loads((again / "dataset.json").read_text()),
    )
    assert description["boxes_sha256"] == sha256((again / "boxes.parquet").read_bytes()).hexdigest()
    for name, digest in zip(manifest["id"], manifest["map_sha256"], strict=True):
        assert sha256((again / "maps" / f"{name}.png").read_bytes()).hexdigest() == digest
    manifest.assign(caption="a red circle").to_parquet(again / "manifest.parquet", index=False)
    assert PreparedDataset(again).digest != before


def test_a_dataset_whose_files_are_links_into_a_cache_is_read(folder: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    folder.rename(cache)
    for file in [file for file in cache.rglob("*") if file.is_file()]:
        link = folder / file.relative_to(cache)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(file)
    assert PreparedDataset(folder).split("train").pixels(np.arange(6)).shape == (6, 16, 16, 3)


def test_reading_a_dataset_does_not_import_torch() -> None:
    code = (
        "import sys; import ldm_pipelines.data.prepared, ldm_pipelines.preparation.prepare, ldm_pipelines.data.degradations, "
        "ldm_pipelines.data.masks; sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
