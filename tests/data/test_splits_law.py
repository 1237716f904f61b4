"""The law: an image's split is a function of its pixels and the fractions, and of nothing else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ldm_pipelines.data.spec import Splits
from ldm_pipelines.data.splits import SPLITS, assign_split, pixel_hash, unseen_split

images = arrays(np.uint8, st.tuples(st.integers(1, 3), st.integers(1, 3), st.just(3)))
hashes = st.binary(min_size=32, max_size=32).map(bytes.hex)


@st.composite
def fractions(draw: st.DrawFn) -> Splits:
    parts = draw(st.lists(st.integers(0, 20), min_size=3, max_size=3).filter(any))
    return Splits(**{name: part / sum(parts) for name, part in zip(SPLITS, parts, strict=True)})


@given(first=images, second=images)
def test_hashes_agree_exactly_when_pixels_do(first: np.ndarray, second: np.ndarray) -> None:
    assert (pixel_hash(first) == pixel_hash(second)) == np.array_equal(first, second)
    assert pixel_hash(first) == pixel_hash(np.asfortranarray(first))


@given(hashed=hashes, splits=fractions())
def test_a_split_without_a_fraction_gets_nothing(hashed: str, splits: Splits) -> None:
    assert getattr(splits, assign_split(hashed, splits)) > 0


@given(hashed=hashes, lower=st.integers(0, 100), upper=st.integers(0, 100))
def test_a_larger_train_fraction_takes_no_image_out_of_train(hashed: str, lower: int, upper: int) -> None:
    lower, upper = sorted((lower, upper))
    less, more = (Splits(train=part / 100, validation=0, test=1 - part / 100) for part in (lower, upper))
    if assign_split(hashed, less) == "train":
        assert assign_split(hashed, more) == "train"


@pytest.mark.parametrize("hashed", ["0" * 64, "f" * 64])
def test_the_ends_of_the_range_belong_to_a_split(hashed: str) -> None:
    tenths = Splits(train=0.7, validation=0.2, test=0.1)  # sums to less than 1 in floating point
    assert assign_split(hashed, tenths) == ("train" if hashed[0] == "0" else "test")
    assert assign_split(hashed, Splits(train=1, validation=0, test=0)) == "train"


def test_the_fractions_come_out_on_many_images() -> None:
    splits = Splits(train=0.7, validation=0.1, test=0.2)
    pixels = np.random.default_rng(0).integers(0, 256, (4000, 4, 4, 3), dtype=np.uint8)
    found = [assign_split(pixel_hash(image), splits) for image in pixels]
    for name in SPLITS:
        fraction = getattr(splits, name)
        assert abs(found.count(name) / 4000 - fraction) < 4 * np.sqrt(fraction * (1 - fraction) / 4000)


@pytest.mark.parametrize(
    ("validation", "test", "expected"), [(1, 1, "validation"), (0, 1, "test"), (1, 0, "validation"), (0, 0, None)]
)
def test_validation_is_watched_while_training_and_test_only_without_it(
    validation: int, test: int, expected: str | None
) -> None:
    assert unseen_split({"train": 1, "validation": validation, "test": test}) == expected
