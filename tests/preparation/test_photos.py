from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pydantic import ValidationError
from skimage import data as photographs
from skimage.transform import downscale_local_mean
from sklearn.datasets import load_sample_image

from ldm_pipelines.data.manifest import read_manifest
from ldm_pipelines.data.prepared import PreparedDataset
from ldm_pipelines.errors import InputError
from ldm_pipelines.preparation.prepare import prepare
from ldm_pipelines.preparation.source_specs.photos import PhotosSource
from ldm_pipelines.preparation.sources.photos import SPLITS, detail, grid, list_images
from ldm_pipelines.preparation.spec import Dataset

SOURCE = {"kind": "photos", "patch": 32, "shrink": 2, "per_photograph": 60}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    parameters = {"name": "photos", "source": SOURCE, "upstream": "photos.py", "image_size": 32, "resize": "box"}
    return prepare(Dataset.model_validate(parameters), None, tmp_path_factory.mktemp("photos"), progress=False)


def test_no_part_of_a_test_photograph_is_trained_on(folder: Path) -> None:
    manifest = read_manifest(folder)
    photograph = manifest["origin"].str.partition("[")[0]
    assert set(photograph[manifest["split"] == "test"]) == {"chelsea.png", "coffee.png"}
    assert photograph.groupby(photograph).apply(lambda rows: manifest.loc[rows.index, "split"].nunique()).max() == 1
    assert manifest.groupby("pixels")["split"].nunique().max() == 1
    assert set(manifest["split"]) == {"train", "validation", "test"}


def test_the_class_of_a_patch_is_its_photograph_and_none_has_too_many(folder: Path) -> None:
    prepared = PreparedDataset(folder)
    assert len(prepared.classes) == sum(map(len, SPLITS.values()))
    labels = np.concatenate([prepared.split(name).labels for name in ("train", "validation", "test")])
    counts = Counter(labels.tolist())
    assert set(counts) == set(range(len(prepared.classes)))
    assert max(counts.values()) <= 60 and sum(counts.values()) > 600


def test_patches_are_those_of_the_packages_after_a_reduction_of_our_own(folder: Path) -> None:
    manifest = read_manifest(folder)
    originals = {"chelsea.png": photographs.chelsea(), "flower.jpg": load_sample_image("flower.jpg"),
                 "moon.png": np.repeat(photographs.moon()[..., None], 3, axis=2)}  # fmt: skip
    for name, pixels in originals.items():
        height, width = (side // 2 * 2 for side in pixels.shape[:2])
        small = downscale_local_mean(pixels[:height, :width], (2, 2, 1))
        rows = manifest[manifest["origin"].str.startswith(name)]
        assert len(rows) > 10
        for path, origin in zip(rows["path"][::7], rows["origin"][::7], strict=True):
            top, bottom, left, right = (int(n) for n in origin[len(name) + 1 : -1].replace(",", ":").split(":"))
            patch = np.asarray(Image.open(folder / path)).astype(float)
            np.testing.assert_allclose(patch, small[top:bottom, left:right], atol=1.01)


def test_patches_that_show_nothing_are_left_out(folder: Path) -> None:
    manifest = read_manifest(folder)
    assert all(detail(Image.open(folder / path)) >= 2 for path in manifest["path"])
    kept = manifest["origin"].str.partition("[")[0].value_counts()
    assert kept["retina.jpg"] < 30 < kept["grass.png"]  # its corners are black


def test_detail_is_the_mean_step_between_neighbours() -> None:
    flat, stripes = np.full((8, 8, 3), 90, np.uint8), np.zeros((8, 8, 3), np.uint8)
    stripes[:, ::2] = 100
    assert detail(Image.fromarray(flat)) == 0
    assert detail(Image.fromarray(stripes)) == 50  # all steps across, none down


@given(st.integers(32, 400), st.integers(32, 400), st.integers(1, 32), st.integers(1, 500))
def test_the_grid_spans_the_photograph_evenly(width: int, height: int, patch: int, most: int) -> None:
    corners = np.array(grid(width, height, patch, most))
    assert 0 < len(corners) <= most and len({*map(tuple, corners.tolist())}) == len(corners)
    assert corners.min() == 0 and (corners.max(axis=0) <= [width - patch, height - patch]).all()
    for axis in (0, 1):
        places = np.unique(corners[:, axis])
        assert len(places) < 2 or (np.ptp(np.diff(places)) <= 1 and places[-1] == (width, height)[axis] - patch)


def test_patches_larger_than_a_photograph_are_an_error() -> None:
    for shrink in (16, 5000):
        source = PhotosSource.model_validate(SOURCE | {"shrink": shrink})
        with pytest.raises(InputError, match=rf"'snaps': source\.patch 32: .*png has only .*source\.shrink {shrink}"):
            list_images(source, None, "snaps", 32)


def test_splits_are_asked_for_where_they_count_and_only_there(dataset: Callable[..., Dataset]) -> None:
    with pytest.raises(ValidationError, match="source photos has fixed splits; remove 'splits'"):
        dataset(source=SOURCE)
    with pytest.raises(ValidationError, match="splits is missing"):
        dataset(splits=None)
