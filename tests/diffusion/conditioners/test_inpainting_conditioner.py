"""Images with a hole."""

from typing import Any

import numpy as np
import pytest
import torch

from ldm_pipelines.autoencoders.first_stage import FirstStage
from ldm_pipelines.data.prepared import ImageSplit
from ldm_pipelines.data.tensors import to_pixels, to_tensor
from ldm_pipelines.diffusion.conditioners.conditioner import Raw

INDICES = np.array([5, 0, 12])


@pytest.fixture
def raw(build: Any, split: ImageSplit) -> Raw:
    return build("mini_inpainting").reader(split).read(INDICES, None)


def test_the_reader_gives_whole_images_and_holes(raw: Raw, split: ImageSplit) -> None:
    assert np.array_equal(to_pixels(raw["image"]), split.pixels(INDICES))
    assert raw["mask"].shape == (3, 1, 32, 32)
    assert set(raw["mask"].unique().tolist()) == {0.0, 1.0}
    share = raw["mask"].mean(dim=(1, 2, 3))
    assert (share > 0).all()
    assert (share <= 0.5).all()


@pytest.mark.parametrize("regulariser", ["kl", "vq"])
def test_the_condition_is_the_latent_of_the_image_with_a_black_hole_and_the_mask(
    build: Any, raw: Raw, first_stages: dict[str, FirstStage], regulariser: str
) -> None:
    first_stage = first_stages[regulariser]
    conditioner = build("mini_inpainting")
    conditioner.attach(first_stage, 0.5)
    condition = conditioner(raw)["concat"]
    pixels = (raw["image"] + 1) / 2 * (1 - raw["mask"])  # as released: holes are 0 in [0, 1]
    with torch.no_grad():
        z = first_stage.moments(2 * pixels - 1)[:, :3]  # KL: the mean
    torch.testing.assert_close(condition[:, :3], 0.5 * z, rtol=0, atol=1e-5)
    assert torch.equal(condition[:, 3:], 2 * raw["mask"][..., ::4, ::4] - 1)


def test_what_lies_under_the_mask_does_not_show(build: Any, raw: Raw, first_stages: dict[str, FirstStage]) -> None:
    conditioner = build("mini_inpainting")
    conditioner.attach(first_stages["kl"], 1.0)
    other = {"image": torch.where(raw["mask"] > 0, torch.rand_like(raw["image"]), raw["image"]), "mask": raw["mask"]}
    assert torch.equal(conditioner(raw)["concat"], conditioner(other)["concat"])


def test_known_pixels_come_through_byte_by_byte(build: Any, raw: Raw, split: ImageSplit) -> None:
    conditioner = build("mini_inpainting")
    decoded = 3 * torch.randn(raw["image"].shape, generator=torch.Generator().manual_seed(0))
    finished = to_pixels(conditioner.finish(decoded, raw))
    hole = raw["mask"][:, 0].numpy() > 0.5
    assert np.array_equal(finished[~hole], split.pixels(INDICES)[~hole])
    assert np.array_equal(finished[hole], to_pixels(decoded)[hole])


def test_the_first_stage_is_lent_and_neither_trained_nor_saved(
    build: Any, raw: Raw, first_stages: dict[str, FirstStage]
) -> None:
    conditioner = build("mini_inpainting")
    conditioner.attach(first_stages["kl"].train(), 1.0)
    assert not list(conditioner.parameters())
    assert not conditioner.state_dict()
    assert len(list(conditioner.modules())) == 1
    conditioner.train()
    assert not first_stages["kl"].training
    assert not conditioner(raw)["concat"].requires_grad


def test_conditions_need_the_first_stage(build: Any, raw: Raw) -> None:
    with pytest.raises(RuntimeError, match="attach"):
        build("mini_inpainting")(raw)


def test_larger_images_ask_for_larger_latents(build: Any, first_stages: dict[str, FirstStage]) -> None:
    conditioner = build("mini_inpainting")
    conditioner.attach(first_stages["vq"], 1.0)
    large = {"image": torch.zeros(1, 3, 64, 128), "mask": torch.ones(1, 1, 64, 128)}
    assert conditioner.latent_size(large) == (16, 32)
    assert conditioner(large)["concat"].shape == (1, 4, 16, 32)


def test_the_picture_hatches_the_hole_in_grey(build: Any, raw: Raw, split: ImageSplit) -> None:
    picture = build("mini_inpainting").picture(raw, (32, 32))
    hole = raw["mask"][:, 0].numpy() > 0.5
    assert np.array_equal(picture[~hole], split.pixels(INDICES)[~hole])
    assert {tuple(colour) for colour in picture[hole].tolist()} == {(128, 128, 128), (152, 152, 152)}


def test_masks_follow_the_image_not_its_place_in_the_split(build: Any, split: ImageSplit) -> None:
    conditioner = build("mini_inpainting")
    masks = conditioner.reader(split).read(np.arange(len(split)), None)["mask"]
    assert len({mask.numpy().tobytes() for mask in masks}) == len(split)
    assert torch.equal(to_tensor(split.pixels(INDICES)), conditioner.reader(split).read(INDICES, None)["image"])
