import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torchvision import transforms

from ldm_pipelines.data.resizing import FILTERS, resize_and_crop

side = st.integers(4, 90)


@given(width=side, height=side, size=st.integers(4, 48), resize=st.sampled_from(sorted(FILTERS)))
def test_agrees_with_torchvisions_resize_and_centre_crop(width: int, height: int, size: int, resize: str) -> None:
    pixels = np.random.default_rng(width * 100 + height).integers(0, 256, (height, width, 3), dtype=np.uint8)
    image = Image.fromarray(pixels)
    mode = transforms.InterpolationMode[resize.upper()]
    oracle = transforms.Compose([transforms.Resize(size, mode), transforms.CenterCrop(size)])
    np.testing.assert_array_equal(resize_and_crop(image, size, resize), oracle(image))


def test_shrinking_filters_out_what_would_alias() -> None:
    stripes = np.tile(np.array([0, 255], dtype=np.uint8), (64, 32))
    small = resize_and_crop(Image.fromarray(stripes), 8, "bilinear")
    assert np.asarray(small).std() < 10


@pytest.mark.parametrize("size", [(40, 20), (20, 40)])
def test_the_crop_is_the_centre(size: tuple[int, int]) -> None:
    image = Image.new("RGB", size, "red")
    image.paste("blue", (size[0] // 2 - 10, size[1] // 2 - 10, size[0] // 2 + 10, size[1] // 2 + 10))
    np.testing.assert_array_equal(resize_and_crop(image, 20, "box"), Image.new("RGB", (20, 20), "blue"))
