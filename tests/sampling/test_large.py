"""Images above the training size, from a tiny model."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.tiny_models import samples, write_first_stage, write_model, write_scenes
from torch import Tensor

from ldm_pipelines.autoencoders.first_stage import FirstStage
from ldm_pipelines.data.tensors import to_pixels
from ldm_pipelines.diffusion.model import LatentDiffusionModel
from ldm_pipelines.errors import InputError
from ldm_pipelines.sampling.large import sample_large, tiled_decode

SAMPLER = samples().sampler


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("large")
    write_scenes(folder / "scenes")
    for name, codes in (("kl", None), ("vq", 16)):
        write_first_stage(folder / name, codes)
    for kind in ("low_res_bicubic", "semantic_map", "mini_inpainting", "none"):
        write_model(folder / kind, kind, folder / "scenes" / "artefact", folder / "kl")
    return folder


def smooth(size: int, channels: int = 3) -> Tensor:
    """Two images that change slowly, in [-1, 1]."""
    coarse = torch.randn(2, channels, 4, 4, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.interpolate(coarse, size=(size, size), mode="bicubic").tanh()


def conditions(kind: str, size: int) -> dict[str, Tensor]:
    """Of latents of ``size``, four times as large where the condition is a map of pixels."""
    if kind == "low_res_bicubic":
        return {"low_res": smooth(size)}
    maps = torch.arange(4 * size)[None, :, None] // 16 % 4 + torch.zeros(2, 1, 4 * size, dtype=torch.long)
    return {"map": maps}


@pytest.mark.parametrize("kind", ["low_res_bicubic", "semantic_map"])
def test_an_image_four_times_as_large_as_those_trained_on(folder: Path, kind: str) -> None:
    """Trained on 8x8 latents of 32x32 images, drawn with 32x32 latents: 128x128 images."""
    model, first_stage = LatentDiffusionModel.load(folder / kind), FirstStage.load(folder / "kl")
    raw = conditions(kind, 32)
    images = sample_large(model, first_stage, raw, SAMPLER, seed=0)
    assert images.shape == (2, 3, 128, 128)
    assert torch.isfinite(images).all()
    alone = sample_large(model, first_stage, {name: value[1:] for name, value in raw.items()}, SAMPLER, seed=0)
    assert alone.shape == (1, 3, 128, 128)
    assert (sample_large(model, first_stage, raw, SAMPLER, seed=1) - images).abs().mean() > 0.01


@pytest.mark.parametrize("kind", ["low_res_bicubic", "semantic_map"])
def test_the_condition_acts_where_it_is_in_a_large_image(folder: Path, kind: str) -> None:
    """Two conditions with the same noise, that differ in the right quarter of 128x128 pixels."""
    model, first_stage = LatentDiffusionModel.load(folder / kind), FirstStage.load(folder / "kl")
    raw = conditions(kind, 32)
    changed = {name: value.clone() for name, value in raw.items()}
    for name, value in changed.items():
        right = value[..., value.shape[-1] * 3 // 4 :]
        right.copy_((right + 1) % 4 if name == "map" else -right)
    images, others = (sample_large(model, first_stage, each, SAMPLER, seed=0) for each in (raw, changed))
    difference = (images - others).abs()
    assert difference[..., 96:].mean() > 0.001
    assert difference[..., 96:].mean() > 3 * difference[..., :64].mean()


def test_at_the_trained_size_it_is_what_sampling_draws(folder: Path) -> None:
    from ldm_pipelines.sampling.draw import Drawer

    model, first_stage = LatentDiffusionModel.load(folder / "low_res_bicubic"), FirstStage.load(folder / "kl")
    raw = conditions("low_res_bicubic", 8)
    drawer = Drawer(model, first_stage, samples(), seed=3)
    usual = drawer(np.arange(2), np.full(2, -1), raw)
    assert (to_pixels(sample_large(model, first_stage, raw, SAMPLER, seed=3)) == usual).all()


def test_sides_may_differ_but_must_fit_the_unet(folder: Path) -> None:
    model, first_stage = LatentDiffusionModel.load(folder / "low_res_bicubic"), FirstStage.load(folder / "kl")
    wide = sample_large(model, first_stage, {"low_res": smooth(24)[..., :10, :]}, SAMPLER, seed=0)
    assert wide.shape == (2, 3, 40, 96)
    with pytest.raises(InputError, match=r"latents of 9 x 24.*multiples of 8 pixels.*40 x 96"):
        sample_large(model, first_stage, {"low_res": smooth(24)[..., :9, :]}, SAMPLER, seed=0)


@pytest.mark.parametrize(("kind", "name"), [("semantic_map", "map"), ("mini_inpainting", "image")])
def test_sizes_that_latents_do_not_have_are_refused_with_the_nearest_that_they_have(
    folder: Path, kind: str, name: str
) -> None:
    model, first_stage = LatentDiffusionModel.load(folder / kind), FirstStage.load(folder / "kl")

    def draw(size: int) -> Tensor:
        pixels = {"map": torch.zeros(1, size, size, dtype=torch.long)}
        if kind == "mini_inpainting":
            pixels = {"image": torch.zeros(1, 3, size, size), "mask": torch.ones(1, 1, size, size)}
        return sample_large(model, first_stage, pixels, SAMPLER, seed=0)

    assert draw(40).shape == (1, 3, 40, 40)
    with pytest.raises(InputError, match=f"'{name}' of 34 x 34 .*images of 32 x 32: .*nearest is 32 x 32$"):
        draw(34)
    with pytest.raises(InputError, match=f"'{name}' of 37 x 37 .*images of 36 x 36: .*nearest is 40 x 40$"):
        draw(37)


def test_a_mask_has_the_size_and_number_of_its_images(folder: Path) -> None:
    model, first_stage = LatentDiffusionModel.load(folder / "mini_inpainting"), FirstStage.load(folder / "kl")
    image = torch.zeros(2, 3, 40, 40)
    with pytest.raises(InputError, match="'mask' is for images of 32 x 32, but others are 40 x 40 pixels"):
        sample_large(model, first_stage, {"image": image, "mask": torch.ones(2, 1, 32, 32)}, SAMPLER, seed=0)
    with pytest.raises(InputError, match="'mask' has 1 conditions for 2 images"):
        sample_large(model, first_stage, {"image": image, "mask": torch.ones(1, 1, 40, 40)}, SAMPLER, seed=0)


def test_what_is_no_condition_of_the_model_is_explained(folder: Path) -> None:
    model, first_stage = LatentDiffusionModel.load(folder / "semantic_map"), FirstStage.load(folder / "kl")
    empty, last = torch.zeros(1, 40, 40, dtype=torch.long), len(model.conditioner.classes) - 1
    for raw, message in (
        ({}, r"needs 'map' \(b, h, w\), but got nothing"),
        ({"maps": empty}, "but got 'maps'"),
        ({"map": empty[None]}, r"shape \(1, 1, 40, 40\)"),
        ({"map": empty.to(torch.uint8)}, "is of torch.uint8"),
        ({"map": empty + last + 1}, f"has class {last + 1}, but 'tiny' knows classes 0 to {last}$"),
        ({"map": empty - 1}, "has class -1"),
    ):
        with pytest.raises(InputError, match=message):
            sample_large(model, first_stage, raw, SAMPLER, seed=0)
    assert sample_large(model, first_stage, {"map": empty + last}, SAMPLER, seed=0).shape == (1, 3, 40, 40)


def test_tiles_are_checked_before_sampling(folder: Path) -> None:
    model, first_stage = LatentDiffusionModel.load(folder / "low_res_bicubic"), FirstStage.load(folder / "kl")
    ran = []
    model.denoiser.register_forward_pre_hook(lambda *_: ran.append(True))
    for arguments, message in (({"tile": 0}, "tile = 0: "), ({"tile": 4, "overlap": 4}, "overlap = 4: ")):
        with pytest.raises(InputError, match=message):
            sample_large(model, first_stage, conditions("low_res_bicubic", 8), SAMPLER, seed=0, **arguments)
    assert not ran


def test_only_conditions_with_a_place_can_be_larger(folder: Path) -> None:
    model, first_stage = LatentDiffusionModel.load(folder / "none"), FirstStage.load(folder / "kl")
    with pytest.raises(InputError, match="only models with a condition that has a place"):
        sample_large(model, first_stage, {}, SAMPLER, seed=0)


@pytest.mark.parametrize("regulariser", ["kl", "vq"])
@torch.no_grad()
def test_tiles_decode_to_almost_what_the_whole_does_in_the_memory_of_a_tile(folder: Path, regulariser: str) -> None:
    first_stage = FirstStage.load(folder / regulariser)
    z = smooth(40)
    seen = []
    first_stage.model.decoder.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape[-2:]))
    tiled = tiled_decode(first_stage, z, tile=16, overlap=8)
    assert max(max(shape) for shape in seen) == 16
    assert len(seen) == 16
    whole = first_stage.decode(z)
    spread = float(whole.max() - whole.min())
    psnr = 10 * torch.log10(spread**2 / (tiled - whole).square().mean())
    assert psnr > 30


@torch.no_grad()
def test_one_tile_is_the_whole(folder: Path) -> None:
    first_stage, z = FirstStage.load(folder / "kl"), smooth(12)
    torch.testing.assert_close(tiled_decode(first_stage, z, 16, 4), first_stage.decode(z), rtol=0, atol=1e-6)


class Enlarger:
    """Stands for a decoder without context: then tiles must fit exactly."""

    factor = 4

    def decode(self, z: Tensor) -> Tensor:
        return z.repeat_interleave(4, -1).repeat_interleave(4, -2)


@pytest.mark.parametrize(("tile", "overlap"), [(8, 0), (8, 3), (7, 6), (20, 5)])
def test_blending_neither_shifts_nor_weighs_wrongly(tile: int, overlap: int) -> None:
    enlarger: Any = Enlarger()
    z = torch.randn(1, 3, 19, 26, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(tiled_decode(enlarger, z, tile, overlap), enlarger.decode(z), rtol=0, atol=1e-5)


def test_tiles_must_be_larger_than_what_they_share() -> None:
    enlarger: Any = Enlarger()
    with pytest.raises(InputError, match="tiles of 4 latents need an overlap from 0 to 3"):
        tiled_decode(enlarger, torch.zeros(1, 3, 8, 8), 4, 4)
