from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldm_pipelines.data.prepared import PreparedDataset
from ldm_pipelines.feature_networks import image_batches
from ldm_pipelines.feature_networks.image_batches import (
    Excerpt,
    ImageBatches,
    evenly_spaced,
    shifted,
)


@given(dy=st.integers(-3, 3), dx=st.integers(-3, 3))
def test_a_shift_moves_the_image_and_repeats_its_edge(dy: int, dx: int) -> None:
    image = np.random.default_rng(0).integers(0, 256, (1, 7, 9, 3), dtype=np.uint8)
    padded = np.pad(image, ((0, 0), (3, 3), (3, 3), (0, 0)), mode="edge")
    expected = padded[:, 3 - dy : 10 - dy, 3 - dx : 12 - dx]
    assert np.array_equal(shifted(image, np.array([[dy, dx]])), expected)


@given(length=st.integers(1, 500), count=st.integers(1, 500))
def test_an_excerpt_is_ordered_distinct_and_as_large_as_asked(length: int, count: int) -> None:
    indices = evenly_spaced(length, count)
    assert len(indices) == min(length, count)
    assert (np.diff(indices) > 0).all()
    assert indices[0] == 0
    assert indices[-1] < length


def test_without_a_generator_images_come_as_they_are(digits_folder: Path) -> None:
    split = PreparedDataset(digits_folder).split("train")
    batches = ImageBatches(split, max_shift=2, flip=True)
    batch = batches.read(np.array([5, 2]), None)
    pixels = split.pixels(np.array([5, 2]))
    assert np.allclose(batch["x"].permute(0, 2, 3, 1), pixels / 127.5 - 1, atol=1e-6)
    assert batch["label"].tolist() == split.labels[[5, 2]].tolist()


def test_augmentation_flips_half_of_the_images_and_depends_on_the_generator_alone(digits_folder: Path) -> None:
    batches = ImageBatches(PreparedDataset(digits_folder).split("train"), flip=True)
    indices = np.arange(200)
    plain = batches.read(indices, None)["x"]
    once, again = (batches.read(indices, np.random.default_rng(3))["x"] for _ in range(2))
    assert once.equal(again)
    flipped = (once == plain.flip(3)).flatten(1).all(dim=1)
    kept = (once == plain).flatten(1).all(dim=1)
    assert (flipped | kept).all()
    assert 70 < int(flipped.sum()) < 130


def test_large_splits_are_read_from_disk_with_the_same_result(
    digits_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    split = PreparedDataset(digits_folder).split("test")
    in_memory = ImageBatches(split)
    monkeypatch.setattr(image_batches, "IN_MEMORY_BYTES", 0)
    from_disk = ImageBatches(split)
    assert np.array_equal(in_memory.pixels(np.arange(7)), from_disk.pixels(np.arange(7)))


def test_an_excerpt_spans_the_whole_split(digits_folder: Path) -> None:
    batches = ImageBatches(PreparedDataset(digits_folder).split("train"))
    excerpt = Excerpt(batches, 3)
    chosen = excerpt.read(np.arange(len(excerpt)), None)["x"]
    assert chosen.equal(batches.read(evenly_spaced(len(batches), 3), None)["x"])
