"""Image-to-image and interpolation: what must come out where nothing, or everything, is changed."""

from pathlib import Path

import pytest
import torch
from support.tiny_models import samples, write_first_stage, write_model, write_scenes
from torch import Tensor

from ldm_pipelines.autoencoders.first_stage import FirstStage
from ldm_pipelines.data.prepared import PreparedDataset
from ldm_pipelines.data.tensors import to_tensor
from ldm_pipelines.diffusion.model import LatentDiffusionModel
from ldm_pipelines.errors import InputError
from ldm_pipelines.sampling.draw import image_noise, under_condition
from ldm_pipelines.sampling.editing import Editor, slerp
from ldm_pipelines.sampling.samplers import trajectory
from ldm_pipelines.sampling.spec import DDIM, DDPM, PLMS, Sampler

DETERMINISTIC = DDIM(kind="ddim", steps=10, eta=0.0)
ALL: list[Sampler] = [DETERMINISTIC, PLMS(kind="plms", steps=10), DDPM(kind="ddpm", steps=10), samples().sampler]
SAME = {"rtol": 0.0, "atol": 2e-5}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("editing")
    write_scenes(folder / "scenes")
    for name, codes in (("kl", None), ("vq", 16)):
        write_first_stage(folder / name, codes)
    for kind in ("none", "class", "semantic_map"):
        write_model(folder / kind, kind, folder / "scenes" / "artefact", folder / "kl")
    return folder


@pytest.fixture(scope="module")
def images(folder: Path) -> Tensor:
    split = PreparedDataset(folder / "scenes" / "artefact").split("train")
    return to_tensor(split.pixels(torch.arange(2).numpy()))


def editor(
    folder: Path, sampler: Sampler, kind: str = "none", first_stage: str = "kl", guidance: float = 1.0
) -> Editor:
    model = LatentDiffusionModel.load(folder / kind)
    return Editor(model, FirstStage.load(folder / first_stage), sampler, guidance_scale=guidance)


@pytest.mark.parametrize("regulariser", ["kl", "vq"])
@torch.no_grad()
def test_strength_zero_gives_the_reconstruction(folder: Path, images: Tensor, regulariser: str) -> None:
    edited = editor(folder, DETERMINISTIC, first_stage=regulariser).image_to_image(images, {}, 0.0, seed=0)
    reconstruction = FirstStage.load(folder / regulariser).reconstruct(images, None).x
    torch.testing.assert_close(edited, reconstruction, **SAME)


@pytest.mark.parametrize("sampler", ALL, ids=lambda sampler: sampler.kind)
def test_more_strength_goes_further_from_the_image(folder: Path, images: Tensor, sampler: Sampler) -> None:
    edit = editor(folder, sampler)
    kept = edit.image_to_image(images, {}, 0.0, seed=0)
    distances = [(edit.image_to_image(images, {}, s, seed=0) - kept).square().mean() for s in (0.0, 0.25, 1.0)]
    assert 0 == distances[0] < distances[1] < distances[2]


def test_images_do_not_depend_on_their_neighbours(folder: Path, images: Tensor) -> None:
    edit = editor(folder, samples().sampler)
    both = edit.image_to_image(images, {}, 0.5, seed=4)
    torch.testing.assert_close(edit.image_to_image(images[:1], {}, 0.5, seed=4), both[:1], **SAME)


def test_conditions_and_guidance_count(folder: Path, images: Tensor) -> None:
    edit = editor(folder, DETERMINISTIC, "class", guidance=3.0)
    results = [edit.image_to_image(images, {"label": torch.tensor(labels)}, 0.8, seed=0) for labels in ([1, 1], [1, 2])]
    torch.testing.assert_close(results[0][0], results[1][0], **SAME)
    assert (results[0][1] - results[1][1]).abs().max() > 1e-4


@pytest.mark.parametrize("kind", ["none", "class"])
@torch.no_grad()
def test_an_interpolation_of_noise_begins_and_ends_with_the_samples_of_its_seeds(folder: Path, kind: str) -> None:
    edit = editor(folder, DETERMINISTIC, kind)
    raw = {"label": torch.tensor([7])} if kind == "class" else {}
    path = edit.interpolate_seeds(11, 12, 5, raw)
    assert path.shape == (5, 3, 32, 32)
    for place, seed in ((0, 11), (-1, 12)):
        noise = image_noise(seed, [0], (3, 8, 8), "cpu")
        denoise = under_condition(edit.model, raw, 1.0)
        *_, z = trajectory(denoise, noise(), edit.model.scheduler, DETERMINISTIC, noise)
        sampled = edit.first_stage.decode(z / edit.model.info.scale_factor)
        torch.testing.assert_close(path[place], sampled[0], **SAME)
    steps = (path[1:] - path[:-1]).abs().mean(dim=(1, 2, 3))
    assert (steps > 0).all()
    assert steps.max() < (path[0] - path[-1]).abs().mean()


@pytest.mark.parametrize("sampler", ALL, ids=lambda sampler: sampler.kind)
def test_an_interpolation_of_images_begins_and_ends_with_what_image_to_image_makes(
    folder: Path, images: Tensor, sampler: Sampler
) -> None:
    edit = editor(folder, sampler)
    path = edit.interpolate_images(images[:1], images[1:], 3, {}, 0.5, seed=2)
    torch.testing.assert_close(path[:1], edit.image_to_image(images[:1], {}, 0.5, seed=2), **SAME)
    torch.testing.assert_close(path[-1:], edit.image_to_image(images[1:], {}, 0.5, seed=2), **SAME)
    assert (path[1] - path[0]).abs().mean() < (path[-1] - path[0]).abs().mean()


def test_slerp_keeps_the_length_and_divides_the_angle() -> None:
    first, last = torch.zeros(1, 1, 1, 2), torch.zeros(1, 1, 1, 2)
    first[..., 0], last[..., 1] = 3.0, 3.0
    third = slerp(first, last, 1 / 3).flatten()
    torch.testing.assert_close(third, 3 * torch.tensor([3**0.5 / 2, 0.5]))
    torch.testing.assert_close(slerp(first, first, 0.4), first)


def test_impossible_requests_are_explained(folder: Path, images: Tensor) -> None:
    edit = editor(folder, DETERMINISTIC)
    with pytest.raises(InputError, match=r"strength = 1.5: from 0"):
        edit.image_to_image(images, {}, 1.5, seed=0)
    with pytest.raises(InputError, match="an interpolation has two ends"):
        edit.interpolate_seeds(0, 1, 1, {})
    with pytest.raises(InputError, match=r"between images of shapes \(1, 3, 32, 32\) and \(2, 3, 32, 32\)"):
        edit.interpolate_images(images[:1], images, 3, {}, 0.5, seed=0)


def test_images_of_a_size_that_the_model_cannot_draw_are_refused_with_the_nearest(folder: Path, images: Tensor) -> None:
    edit = editor(folder, DETERMINISTIC)
    wide = torch.nn.functional.pad(images, (0, 8, 0, 8), mode="reflect")
    assert edit.image_to_image(wide, {}, 0.5, seed=0).shape == (2, 3, 40, 40)
    for side, latent, nearest in ((30, 7, 32), (36, 9, 40)):
        message = f"'images' of {side} x {side} asks for latents of {latent} x {latent}, .*is {nearest} x {nearest}$"
        with pytest.raises(InputError, match=message):
            edit.image_to_image(wide[..., :side, :side], {}, 0.5, seed=0)


def test_a_unet_with_cross_attention_need_not_halve_evenly(folder: Path, images: Tensor) -> None:
    edit, raw = editor(folder, DETERMINISTIC, "class"), {"label": torch.tensor([1, 2])}
    wide = torch.nn.functional.pad(images, (0, 4, 0, 4), mode="reflect")
    assert edit.image_to_image(wide, raw, 0.5, seed=0).shape == (2, 3, 36, 36)
    with pytest.raises(InputError, match="multiples of 4 pixels; the nearest is 36 x 36"):
        edit.image_to_image(wide[..., :34, :34], raw, 0.5, seed=0)


def test_conditions_must_fit_the_images_they_are_for(folder: Path, images: Tensor) -> None:
    edit = editor(folder, DETERMINISTIC, "semantic_map")
    maps = torch.zeros(2, 40, 40, dtype=torch.long)
    assert edit.image_to_image(images, {"map": maps[:, :32, :32]}, 0.5, seed=0).shape == images.shape
    with pytest.raises(InputError, match="'map' has 1 conditions for 2 images"):
        edit.image_to_image(images, {"map": maps[:1, :32, :32]}, 0.5, seed=0)
    with pytest.raises(InputError, match="'map' is for images of 40 x 40, but others are 32 x 32 pixels"):
        edit.image_to_image(images, {"map": maps}, 0.5, seed=0)
    with pytest.raises(InputError, match="needs 'map'"):
        edit.interpolate_seeds(0, 1, 3, {})
