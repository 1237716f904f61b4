"""Low-resolution images."""

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from ldm_pipelines.data.prepared import ImageSplit
from ldm_pipelines.data.tensors import to_pixels
from ldm_pipelines.diffusion.conditioners.kept_images import KeptImages
from ldm_pipelines.errors import InputError


def test_the_condition_is_the_reduced_image_itself(build: Any, split: ImageSplit) -> None:
    conditioner = build("low_res_bicubic")
    raw = conditioner.reader(split).read(np.array([4, 2]), np.random.default_rng(0))
    for pixels, index in zip(to_pixels(conditioner(raw)["concat"]), (4, 2), strict=True):
        image = Image.fromarray(split.pixels(np.array([index]))[0])
        assert np.array_equal(pixels, np.asarray(image.resize((8, 8), Image.Resampling.BICUBIC)))


def test_larger_images_ask_for_larger_latents(build: Any) -> None:
    conditioner = build("low_res_bicubic")
    raw = {"low_res": torch.zeros(1, 3, 16, 24)}
    assert conditioner.latent_size(raw) == (16, 24)
    assert conditioner(raw)["concat"].shape == (1, 3, 16, 24)


@pytest.mark.parametrize("factor", [2, 6])
def test_a_factor_that_the_first_stages_does_not_divide_is_refused(build: Any, factor: int) -> None:
    with pytest.raises(InputError, match=f"factor is {factor}, but the first stage shrinks images by 4"):
        build("low_res_bicubic", degradation={"kind": "bicubic", "factor": factor})


def test_the_picture_is_the_image_in_large_pixels(build: Any, split: ImageSplit) -> None:
    conditioner = build("low_res_bicubic")
    raw = conditioner.reader(split).read(np.array([4]), None)
    picture = conditioner.picture(raw, (32, 32))[0]
    assert np.array_equal(picture, to_pixels(raw["low_res"])[0].repeat(4, axis=0).repeat(4, axis=1))


@pytest.mark.parametrize(("memory", "made"), [(1000, [1, 0]), (5 * 4, [1, 0]), (5 * 4 - 1, [1, 0, 1, 1])])
def test_images_are_kept_where_all_of_them_fit(memory: int, made: list[int]) -> None:
    calls = []

    def make(index: int) -> np.ndarray:
        calls.append(index)
        return np.full((2, 2, 1), index, dtype=np.uint8)

    images = KeptImages(5, make, memory)
    assert images.read(np.array([1, 0])).tolist() == [[[[1]] * 2] * 2, [[[0]] * 2] * 2]
    assert images.read(np.array([1, 1])).tolist() == [[[[1]] * 2] * 2] * 2
    assert calls == made


def test_a_low_res_image_smaller_than_the_latent_is_enlarged_to_its_size(build: Any) -> None:
    conditioner = build("low_res_bicubic", degradation={"kind": "bicubic", "factor": 8})  # the first stage shrinks by 4
    low_res = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(0)) * 2 - 1
    concat = conditioner({"low_res": low_res})["concat"]
    assert concat.shape == (2, 3, 8, 8)
    assert conditioner.latent_size({"low_res": low_res}) == (8, 8)
    torch.testing.assert_close(concat.mean(), low_res.mean(), atol=0.05, rtol=0)
