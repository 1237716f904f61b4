import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torchvision import transforms

from ldm_pipelines.data.resizing import FILTERS, resize_and_crop, square_map

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


@pytest.mark.parametrize("size", [(40, 24), (24, 24), (9, 31), (8, 8), (5, 7)])
def test_without_antialiasing_it_is_torchs_interpolation(size: tuple[int, int]) -> None:
    """PyTorch's, without antialiasing, uses OpenCV's INTER_LINEAR coordinates."""
    import torch

    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    tensor = torch.from_numpy(pixels).permute(2, 0, 1)[None].double()
    shorter = min(size)
    shape = (8 * size[1] // shorter, 8 * size[0] // shorter)
    expected = torch.nn.functional.interpolate(tensor, shape, mode="bilinear", align_corners=False, antialias=False)
    top, left = (round((side - 8) / 2) for side in shape)
    expected = expected.round()[0, :, top : top + 8, left : left + 8].permute(1, 2, 0)
    found = resize_and_crop(Image.fromarray(pixels), 8, "bilinear_no_antialias")
    assert np.abs(np.asarray(found).astype(int) - expected.numpy()).max() <= 1  # where .5 is rounded
    assert (np.asarray(found) == expected.numpy()).mean() > 0.99


@pytest.mark.parametrize(
    ("sides", "size", "longer", "begin"),
    [
        ((7, 4), 2, 4, 1),  # 3.5 is 4; torchvision's is 3
        ((9, 4), 2, 4, 1),  # 4.5 is 4
        ((10, 4), 2, 5, 1),  # (5 - 2) / 2 is 1; torchvision's is 2
        ((500, 375), 256, 341, 42),
        ((300, 500), 256, 427, 85),  # 426.7 is 427; torchvision's is 426
    ],
)
def test_the_released_loaders_sizes_are_albumentations(
    sides: tuple[int, int], size: int, longer: int, begin: int
) -> None:
    """By its formulas: round(side * (size / shorter)), halves to even, and a crop that begins at the floor."""
    import torch

    pixels = np.random.default_rng(0).integers(0, 256, (sides[1], sides[0], 3), dtype=np.uint8)
    wide = sides[0] > sides[1]
    tensor = torch.from_numpy(pixels).permute(2, 0, 1)[None].double()
    shape = (size, longer) if wide else (longer, size)
    stretched = torch.nn.functional.interpolate(tensor, shape, mode="bilinear", antialias=False)
    expected = stretched.round()[0].permute(1, 2, 0).numpy()
    part = slice(begin, begin + size)
    expected = expected[:, part] if wide else expected[part]
    found = np.asarray(resize_and_crop(Image.fromarray(pixels), size, "smallest_max_size"))
    assert found.shape == expected.shape and np.abs(found - expected).max() <= 1  # where .5 is rounded
    assert (found == expected).mean() > 0.9


def test_the_crop_can_come_first() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (31, 50, 3), dtype=np.uint8)
    found = resize_and_crop(Image.fromarray(pixels), 8, "bicubic", crop_first=True)
    square = Image.fromarray(pixels[:, 9:40])  # as LSUN's released loader cuts: (50 - 31) // 2
    np.testing.assert_array_equal(found, square.resize((8, 8), Image.Resampling.BICUBIC))


@pytest.mark.parametrize("crop_first", [False, True])
@pytest.mark.parametrize("resize", ["box", "smallest_max_size"])
def test_a_map_is_cut_as_its_image_is(crop_first: bool, resize: str) -> None:
    classes = np.repeat(np.repeat(np.arange(12, dtype=np.uint8).reshape(3, 4), 10, 0), 10, 1)
    image = Image.fromarray(np.stack([classes * 20] * 3, axis=-1))
    found = square_map(classes, 15, resize, crop_first)
    expected = np.asarray(resize_and_crop(image, 15, resize, crop_first))[..., 0] / 20
    inner = np.abs(expected - expected.round()) < 1e-9  # pixels that lie in one class alone
    assert inner.mean() > 0.5
    np.testing.assert_array_equal(found[inner], expected[inner])


def test_an_unknown_way_to_resize_is_refused() -> None:
    with pytest.raises(ValueError, match="no way to resize is called 'bilinaer'"):
        resize_and_crop(Image.new("RGB", (9, 8)), 4, "bilinaer")
