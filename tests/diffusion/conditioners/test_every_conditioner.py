"""What holds for every kind: definitions, files, readers, dropping, pictures."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.conditionings import MINIATURE, definition

from ldm_pipelines.autoencoders.first_stage import FirstStage
from ldm_pipelines.data.prepared import ImageSplit
from ldm_pipelines.data.share import Share
from ldm_pipelines.diffusion.conditioners.conditioner import Surroundings, drop_some
from ldm_pipelines.diffusion.conditioners.registry import build_conditioner, load_conditioner
from ldm_pipelines.errors import InputError
from ldm_pipelines.training.draws import Draws

INDICES = np.array([5, 0, 12, 29])
RANDOM = {"mini_layout", "low_res_bsr", "mini_inpainting"}
WITH_NULL = ("mini_text", "mini_layout")


def draws(seed: int = 0) -> Draws:
    return Draws(torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", MINIATURE)
def test_conditions_fit_what_the_denoiser_is_told(
    build: Any, split: ImageSplit, first_stages: dict[str, FirstStage], name: str
) -> None:
    conditioner = build(name)
    conditioner.attach(first_stages["kl"], 1.0)
    condition = conditioner(conditioner.reader(split).read(INDICES, None))
    if conditioner.context_dim:
        assert set(condition) == {"crossattn"}
        assert condition["crossattn"].shape[::2] == (4, conditioner.context_dim)
    else:
        assert set(condition) == {"concat"}
        assert condition["concat"].shape == (4, conditioner.concat_channels, 8, 8)
    assert all(value.dtype == torch.float32 for value in condition.values())


@pytest.mark.parametrize("name", MINIATURE)
def test_a_saved_conditioner_says_the_same_and_is_saved_as_the_same_bytes(
    build: Any, split: ImageSplit, first_stages: dict[str, FirstStage], tmp_path: Path, name: str
) -> None:
    conditioner = build(name)
    raw = conditioner.reader(split).read(INDICES, None)
    conditioner.save(tmp_path / "first")
    loaded = load_conditioner(tmp_path / "first")
    loaded.save(tmp_path / "second")
    for each in (conditioner, loaded):
        each.attach(first_stages["vq"], 2.0)
    before, after = conditioner.eval()(raw), loaded(loaded.reader(split).read(INDICES, None))
    assert before.keys() == after.keys()
    assert all(torch.equal(before[part], after[part]) for part in before)
    assert loaded.kind == conditioner.kind
    assert (loaded.context_dim, loaded.concat_channels) == (conditioner.context_dim, conditioner.concat_channels)
    assert contents(tmp_path / "first") == contents(tmp_path / "second")
    assert not any(str(tmp_path).encode() in content for content in contents(tmp_path / "first").values())


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", MINIATURE)
def test_without_a_generator_an_image_has_one_condition_in_any_batch(build: Any, split: ImageSplit, name: str) -> None:
    conditioner = build(name)
    together = conditioner.reader(split).read(INDICES, None)
    again = conditioner.reader(split)
    again.read(np.array([3, 12]), np.random.default_rng(1))  # what was read before does not matter
    for place, index in enumerate(INDICES):
        alone = again.read(np.array([index]), None)
        assert alone.keys() == together.keys()
        assert all(torch.equal(alone[part][0], together[part][place]) for part in together)


@pytest.mark.parametrize("name", MINIATURE)
def test_a_generator_draws_what_is_random_and_nothing_else(build: Any, split: ImageSplit, name: str) -> None:
    reader = build(name).reader(split)
    indices = np.arange(len(split))

    def same(a: int | None, b: int | None) -> bool:
        one, other = (reader.read(indices, None if seed is None else np.random.default_rng(seed)) for seed in (a, b))
        return all(torch.equal(one[part], other[part]) for part in one)

    assert same(1, 1)
    assert same(1, 2) is (name not in RANDOM)
    assert same(1, None) is (name not in RANDOM)


@pytest.mark.parametrize("name", MINIATURE)
def test_the_shares_of_a_batch_are_the_batch_and_a_share_opens_no_other_image(
    build: Any, split: ImageSplit, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[int] = []
    pixels, maps = split.pixels, split.maps
    monkeypatch.setattr(split, "pixels", lambda indices: opened.extend(indices) or pixels(indices))
    monkeypatch.setattr(split, "maps", lambda indices: opened.extend(indices) or maps(indices))
    indices = np.array([5, 0, 12, 29, 7, 3])
    for seed in (4, None):
        whole = build(name).reader(split).read(indices, seed and np.random.default_rng(seed))
        parts = []
        for share in (Share(0, 3), Share(1, 3), Share(2, 3)):
            reader = build(name).reader(split)
            opened.clear()
            parts.append(reader.read(indices, seed and np.random.default_rng(seed), share))
            assert set(opened) <= set(share.take(indices))
        for part in whole:
            assert torch.equal(torch.cat([each[part] for each in parts]), whole[part])


def test_conditions_are_dropped_for_the_same_images_in_whichever_share(build: Any, split: ImageSplit) -> None:
    conditioner = build("mini_text")
    raw = conditioner.reader(split).read(np.arange(24), None)
    whole = drop_some(conditioner, raw, 0.3, draws())["tokens"]
    parts = []
    for share in (Share(0, 2), Share(1, 2)):
        mine = {"tokens": share.take(raw["tokens"])}
        parts.append(drop_some(conditioner, mine, 0.3, Draws(torch.Generator().manual_seed(0), share))["tokens"])
    assert torch.equal(torch.cat(parts), whole)


@pytest.mark.parametrize("name", WITH_NULL)
def test_drop_some_blanks_whole_conditions_at_the_given_rate(build: Any, split: ImageSplit, name: str) -> None:
    conditioner = build(name)
    raw = conditioner.reader(split).read(np.arange(500) % len(split), None)
    blank = conditioner.blank(raw)
    assert blank["tokens"].shape == raw["tokens"].shape
    dropped = drop_some(conditioner, raw, 0.3, draws())["tokens"]
    is_blank = (dropped == blank["tokens"]).all(dim=1)
    is_kept = (dropped == raw["tokens"]).all(dim=1)
    assert (is_blank ^ is_kept).all()
    assert 0.2 < is_blank.float().mean() < 0.4
    assert torch.equal(drop_some(conditioner, raw, 0.0, draws())["tokens"], raw["tokens"])
    assert torch.equal(drop_some(conditioner, raw, 1.0, draws())["tokens"], blank["tokens"])


@pytest.mark.parametrize("name", sorted(set(MINIATURE) - set(WITH_NULL)))
def test_conditions_with_a_place_have_no_null(build: Any, split: ImageSplit, name: str) -> None:
    conditioner = build(name)
    raw = conditioner.reader(split).read(INDICES, None)
    with pytest.raises(InputError, match="no null condition: guidance_scale must be 1"):
        conditioner.blank(raw)
    assert drop_some(conditioner, raw, 0.0, draws()) is raw


@pytest.mark.parametrize("name", MINIATURE)
@pytest.mark.parametrize("size", [(32, 32), (96, 128)])
def test_pictures_have_the_size_asked_for_and_tell_conditions_apart(
    build: Any, split: ImageSplit, name: str, size: tuple[int, int]
) -> None:
    conditioner = build(name)
    picture = conditioner.picture(conditioner.reader(split).read(INDICES, None), size)
    assert picture.dtype == np.uint8
    assert picture.shape == (4, *size, 3)
    assert len({tile.tobytes() for tile in picture}) == 4


@pytest.mark.parametrize("name", ["mini_text", "mini_layout", "semantic_map"])
def test_what_the_dataset_lacks_is_named(build: Any, plain_split: ImageSplit, name: str) -> None:
    what = {"mini_text": "captions", "mini_layout": "boxes", "semantic_map": "semantic maps"}[name]
    with pytest.raises(InputError, match=what):
        build(name).reader(plain_split)
    with pytest.raises(InputError, match=what):
        build_conditioner(definition(name), Surroundings(latent_shape=(3, 8, 8), factor=4))


@pytest.mark.parametrize(
    ("text", "message"),
    [(None, "is not a conditioner"), ("{}", "is not a conditioner"), ('{"kind": "txt"}', "did you mean 'text'")],
)
def test_a_folder_that_is_none_is_refused(tmp_path: Path, text: str | None, message: str) -> None:
    if text is not None:
        (tmp_path / "config.json").write_text(text)
    with pytest.raises(InputError, match=message):
        load_conditioner(tmp_path)


@pytest.mark.parametrize(("name", "of"), [("semantic_map", "map_classes"), ("mini_layout", "box_classes")])
def test_a_dataset_of_other_classes_is_refused_when_sampling(
    build: Any, split: ImageSplit, monkeypatch: pytest.MonkeyPatch, name: str, of: str
) -> None:
    conditioner = build(name)
    conditioner.reader(split)
    monkeypatch.setattr(split, of, [*getattr(split, of)[::-1]])
    with pytest.raises(InputError, match="sample with conditions of a dataset of the same classes"):
        conditioner.reader(split)
