import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data as photographs

from ldm_pipelines.data.degradations import degrade
from ldm_pipelines.data.randomness import image_generator
from ldm_pipelines.data.spec import Degradation
from ldm_pipelines.errors import InputError

BICUBIC, LIGHT = Degradation(kind="bicubic", factor=4), Degradation(kind="bsr_light", factor=4)


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return photographs.astronaut()[:128, 160:288]


def generator(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_bicubic_equals_pillows_and_is_anti_aliased_as_in_pytorch(photo: np.ndarray) -> None:
    found = degrade(photo, BICUBIC, generator(0))
    np.testing.assert_array_equal(found, Image.fromarray(photo).resize((32, 32), Image.Resampling.BICUBIC))
    x = torch.from_numpy(photo.copy()).permute(2, 0, 1)[None].float()
    expected = torch.nn.functional.interpolate(x, (32, 32), mode="bicubic", antialias=True)[0].permute(1, 2, 0)
    difference = np.abs(found - expected.clamp(0, 255).numpy())
    assert difference.mean() < 0.3 and difference.max() < 3  # Pillow rounds and clips between its two passes


@pytest.mark.parametrize("kind", ["bicubic", "bsr_light"])
@pytest.mark.parametrize("factor", [1, 2, 4, 8])
@pytest.mark.parametrize("shape", [(32, 32), (16, 40), (8, 8)])
def test_the_result_is_smaller_by_the_factor_whatever_is_drawn(kind: str, factor: int, shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    spec = Degradation.model_validate({"kind": kind, "factor": factor})
    for seed in range(40):
        small = degrade(pixels, spec, generator(seed))
        assert small.dtype == np.uint8 and small.shape == (shape[0] // factor, shape[1] // factor, 3)


def test_the_degradation_of_an_image_is_a_function_of_its_id(photo: np.ndarray) -> None:
    first, again, other = (degrade(photo, LIGHT, image_generator("low_res", name)) for name in ("a", "a", "b"))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_the_input_is_left_as_it_was(photo: np.ndarray) -> None:
    before = photo.copy()
    degrade(photo, LIGHT, generator(0))
    np.testing.assert_array_equal(photo, before)


def test_light_degradation_adds_little_noise() -> None:
    flat = np.full((64, 64, 3), 120, dtype=np.uint8)
    deviations = [degrade(flat, LIGHT, generator(seed)).astype(float) - 120 for seed in range(100)]
    assert 0.2 < np.std(deviations) < 2.5  # noise of 1 to 2 levels, shrunk or not, and JPEG
    assert abs(np.mean(deviations)) < 0.3


def test_light_degradation_neither_shifts_nor_brightens() -> None:
    """On average a ramp stays the same ramp: each of the resizes maps pixel areas onto pixel areas."""
    ramp = np.broadcast_to(np.linspace(40, 200, 64)[None, :, None], (64, 64, 3))
    for pixels in (ramp, ramp.swapaxes(0, 1)):
        pixels = np.rint(pixels).astype(np.uint8)
        mean = np.mean([degrade(pixels, LIGHT, generator(seed)) for seed in range(300)], axis=0)
        expected = degrade(pixels, BICUBIC, generator(0)).astype(float)
        inner = (slice(4, -4), slice(4, -4))  # a shift by one small pixel would be 10 levels
        np.testing.assert_allclose(mean[inner], expected[inner], atol=0.8)


def test_light_degradation_loses_more_detail_than_bicubic(photo: np.ndarray) -> None:
    def detail(pixels: np.ndarray) -> float:
        return float(np.abs(np.diff(pixels.astype(float), axis=1)).mean())

    light = [detail(degrade(photo, LIGHT, generator(seed))) for seed in range(40)]
    assert 0.4 < np.mean(light) / detail(degrade(photo, BICUBIC, generator(0))) < 0.95
    assert np.std(light) > 0.5  # from slight to strong


def test_a_factor_that_does_not_divide_the_image_is_an_error(photo: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"degradation\.factor 3 does not divide an image of 128 x 128 pixels"):
        degrade(photo, Degradation(kind="bicubic", factor=3), generator(0))
