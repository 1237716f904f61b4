"""Semantic maps, against the original's rescaler."""

from typing import Any

import numpy as np
import pytest
import torch

from ldm_pipelines.data.prepared import ImageSplit
from ldm_pipelines.data.scenes import MAP_CLASSES
from ldm_pipelines.diffusion.conditioners.semantic import SemanticConditioner
from ldm_pipelines.errors import InputError


def test_rescaling_is_the_originals(oracle: Any) -> None:
    tensors, about = oracle("spatial_rescaler")
    arguments = about["arguments"]
    classes = [str(number) for number in range(arguments["in_channels"])]
    conditioner = SemanticConditioner(classes, arguments["n_stages"], arguments["out_channels"])
    conditioner.load_state_dict({"channel_mapper.weight": tensors["state.channel_mapper.weight"]})
    for part in ("", "_odd"):
        y = conditioner.rescale(tensors[f"in.x{part}"])
        torch.testing.assert_close(y, tensors[f"out.y{part}"], rtol=0, atol=1e-6)


def test_a_maps_condition_is_the_share_of_each_class_in_a_latent_pixel(build: Any, split: ImageSplit) -> None:
    conditioner = build("semantic_map", channels=len(MAP_CLASSES))
    conditioner.channel_mapper.weight.data = torch.eye(len(MAP_CLASSES))[:, :, None, None]
    classes = split.maps(np.array([7]))[0]
    shares = conditioner(conditioner.reader(split).read(np.array([7]), None))["concat"][0]
    for row, column in ((0, 0), (3, 4), (5, 2)):
        cell = classes[4 * row : 4 * row + 4, 4 * column : 4 * column + 4]
        counts = np.bincount(cell.ravel(), minlength=len(MAP_CLASSES)) / 16
        assert np.allclose(shares[:, row, column].detach(), counts, atol=1e-6)


def test_larger_maps_ask_for_larger_latents(build: Any) -> None:
    conditioner = build("semantic_map")
    raw = {"map": torch.zeros(1, 64, 128, dtype=torch.int64)}
    assert conditioner.latent_size(raw) == (16, 32)
    assert conditioner(raw)["concat"].shape == (1, 3, 16, 32)


@pytest.mark.parametrize("stages", [0, 1, 3])
def test_stages_that_do_not_reach_the_latents_size_are_refused(build: Any, stages: int) -> None:
    with pytest.raises(InputError, match=f"stages is {stages}, which shrinks maps by {2**stages}, but .* by 4"):
        build("semantic_map", stages=stages)


def test_a_map_is_drawn_in_the_scenes_colours(build: Any, split: ImageSplit) -> None:
    conditioner = build("semantic_map")
    raw = conditioner.reader(split).read(np.array([7]), None)
    drawn, image = conditioner.picture(raw, (32, 32))[0], split.pixels(np.array([7]))[0]
    closeness = np.abs(drawn.astype(int) - image).max(axis=2)
    assert np.mean(closeness <= 40) > 0.75  # but for the shapes' soft edges
