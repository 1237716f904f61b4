"""The hash of what an image looks like."""

from io import BytesIO
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image, ImageOps
from skimage import data
from support.card_dataset import picture

from ldm_pipelines.preparation.card.likeness import alike
from ldm_pipelines.preparation.card.perceptual_hash import dhash

PHOTOS = ("astronaut", "camera", "coffee", "chelsea", "rocket", "coins", "moon")


def _photo(name: str) -> Image.Image:
    return Image.fromarray(getattr(data, name)()).convert("RGB")


def _again(image: Image.Image, quality: int) -> Image.Image:
    buffer = BytesIO()
    image.save(buffer, format="JPEG", quality=quality)
    return Image.open(buffer)


def _distance(a: Image.Image, b: Image.Image) -> int:
    return (dhash(a) ^ dhash(b)).bit_count()


def _by_hand(image: Image.Image) -> int:
    """Cell by cell, from sums over the pixels of a grey image whose sides the cells divide."""
    grey = np.asarray(image.convert("L"), dtype=np.float64)
    down, across = grey.shape[0] // 8, grey.shape[1] // 9
    value = 0
    for y in range(8):
        cells = [round(float(grey[y * down : (y + 1) * down, x * across : (x + 1) * across].mean())) for x in range(9)]
        for left, right in pairwise(cells):
            value = 2 * value + (right > left)
    return value


@pytest.mark.parametrize("seed", range(5))
def test_the_hash_is_the_sign_of_differences_of_cell_means(seed: int) -> None:
    image = picture(seed, 72)
    # a mean that lies on a half may be rounded either way
    assert (dhash(image) ^ _by_hand(image)).bit_count() <= 1


def test_bits_are_those_of_the_cells_from_the_upper_left() -> None:
    cells = np.zeros((8, 9), dtype=np.uint8)
    cells[0, 1] = 200  # brighter than its left neighbour, and its right one is not brighter
    cells[7, 8] = 9
    assert dhash(Image.fromarray(cells)) == (1 << 63) | 1


def test_brighter_to_the_right_sets_every_bit_and_one_colour_none() -> None:
    ramp = np.tile(np.arange(0, 180, 2, dtype=np.uint8), (80, 1))
    assert dhash(Image.fromarray(ramp)) == 2**64 - 1
    assert dhash(Image.fromarray(ramp[:, ::-1])) == 0
    assert dhash(Image.new("RGB", (50, 40), "teal")) == 0


@pytest.mark.parametrize("name", PHOTOS)
def test_a_photograph_encoded_or_resized_again_stays_within_four_bits_and_is_seen_to_be_the_same(name: str) -> None:
    photo = _photo(name)
    smaller = photo.resize((photo.width * 7 // 10, photo.height * 7 // 10), Image.Resampling.BICUBIC)
    for again in (_again(photo, 60), smaller, _again(smaller, 60)):
        assert _distance(photo, again) <= 4
        assert alike(photo, again)


def test_different_photographs_are_far_apart_and_not_alike() -> None:
    photos = [_photo(name) for name in PHOTOS]
    for number, one in enumerate(photos):
        for other in photos[:number]:
            assert _distance(one, other) > 8
            assert not alike(one, other)


@pytest.mark.parametrize("name", PHOTOS)
def test_a_mirrored_photograph_has_another_hash(name: str) -> None:
    assert _distance(_photo(name), ImageOps.mirror(_photo(name))) > 8


@pytest.mark.parametrize("mode", ["L", "RGBA", "CMYK", "P", "1"])
@pytest.mark.parametrize("size", [(4, 4), (9, 8), (300, 5)])
def test_any_mode_and_size_gives_64_bits(mode: str, size: tuple[int, int]) -> None:
    assert 0 <= dhash(picture(1).resize(size).convert(mode)) < 2**64


def test_images_of_little_contrast_are_not_alike_for_that() -> None:
    base = np.full((16, 16, 3), 128, dtype=np.int64)
    noise = np.random.default_rng(0).integers(-4, 5, (2, 16, 16, 3))
    a, b = (Image.fromarray((base + one).astype(np.uint8)) for one in noise)
    assert alike(a, a)
    assert not alike(a, b)
