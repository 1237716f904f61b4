from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
from diffusers.models.attention_processor import Attention
from pydantic import ValidationError

from ldm_pipelines.autoencoders.first_stage import FirstStage, sample_posterior
from ldm_pipelines.autoencoders.spec import Autoencoder
from ldm_pipelines.errors import InputError

Spec = Callable[..., Autoencoder]


@pytest.fixture(params=["kl", "vq"])
def first_stage(request: pytest.FixtureRequest, autoencoder_spec: Spec) -> FirstStage:
    torch.manual_seed(0)
    return FirstStage.from_spec(autoencoder_spec(request.param), image_size=16).eval()


@pytest.fixture
def x() -> torch.Tensor:
    return torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(1)) * 2 - 1


def test_shapes_and_facts(first_stage: FirstStage, x: torch.Tensor) -> None:
    moments = first_stage.moments(x)
    kl = first_stage.regulariser == "kl"
    assert moments.shape == (2, 6 if kl else 3, 4, 4)
    assert first_stage.decode(moments[:, :3]).shape == x.shape
    assert (first_stage.factor, first_stage.latent_channels) == (4, 3)
    assert first_stage.codebook_size == (None if kl else 16)
    assert first_stage.last_weight.shape == (3, 4, 3, 3)


def test_plain_diffusers_loads_the_folder_and_reconstructs_the_same(
    first_stage: FirstStage, x: torch.Tensor, tmp_path: Path
) -> None:
    first_stage.save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "diffusion_pytorch_model.safetensors"]
    cls: Any = diffusers.AutoencoderKL if first_stage.regulariser == "kl" else diffusers.VQModel
    theirs = cls.from_pretrained(tmp_path)
    with torch.no_grad():
        assert first_stage.reconstruct(x, noise=None)[0].equal(theirs(x).sample)
        assert FirstStage.load(tmp_path).reconstruct(x, noise=None)[0].equal(theirs(x).sample)
    assert theirs.config.sample_size == 16
    assert theirs.config.scaling_factor == 1.0


def test_moments_are_those_of_diffusers_own_encoding(first_stage: FirstStage, x: torch.Tensor) -> None:
    encoded = first_stage.model.encode(x)
    expected = encoded.latent_dist.parameters if first_stage.regulariser == "kl" else encoded.latents
    assert first_stage.moments(x).equal(expected)


def test_vq_decoding_quantises_first(autoencoder_spec: Spec) -> None:
    first_stage = FirstStage.from_spec(autoencoder_spec("vq")).eval()
    z = torch.randn(1, 3, 4, 4) * 0.05
    quantised = first_stage.quantise(z)
    codes = first_stage.model.quantize.embedding.weight
    distances = torch.cdist(z.permute(0, 2, 3, 1).reshape(-1, 3), codes)
    assert quantised.indices.flatten().equal(distances.argmin(dim=1))
    nearest = codes[quantised.indices].permute(0, 3, 1, 2)
    assert torch.allclose(first_stage.decode(z), first_stage.decode(nearest), atol=1e-6)
    assert not torch.allclose(first_stage.decode(z), first_stage.model.decode(z, force_not_quantize=True).sample)


def test_a_kl_sample_is_mean_plus_noise_and_vq_moments_are_the_latent() -> None:
    moments = torch.cat([torch.full((1, 1, 1, 1), 2.0), torch.full((1, 1, 1, 1), 100.0)], dim=1)
    noise = torch.ones(1, 1, 1, 1)
    expected = 2 + torch.tensor(10.0).exp()  # the log-variance is clamped to 20
    assert torch.isclose(sample_posterior(moments, "kl", noise), expected)
    assert sample_posterior(moments, "vq", noise) is moments


def test_a_spread_codebook_lies_on_latents_of_the_images(autoencoder_spec: Spec, x: torch.Tensor) -> None:
    first_stage = FirstStage.from_spec(autoencoder_spec("vq"))
    first_stage.spread_codebook(x, torch.Generator().manual_seed(0))
    latents = first_stage.moments(x).permute(0, 2, 3, 1).reshape(-1, 3)
    codes = first_stage.model.quantize.embedding.weight
    assert (codes[:, None] - latents).abs().amax(dim=2).amin(dim=1).max() < 1e-6
    assert len(codes.unique(dim=0)) == 16


def test_attention_in_the_middle_is_a_choice(autoencoder_spec: Spec) -> None:
    def attention(wanted: bool) -> list[str]:
        names = FirstStage.from_spec(autoencoder_spec(mid_attention=wanted)).state_dict()
        return [name for name in names if "attentions" in name]

    assert attention(True)
    assert not attention(False)


@pytest.mark.parametrize("regulariser", ["kl", "vq"])
def test_attention_at_a_level_follows_each_of_its_residual_blocks_with_one_head(
    autoencoder_spec: Spec, regulariser: str, tmp_path: Path
) -> None:
    def attention(first_stage: FirstStage) -> list[Attention]:
        return [module for module in first_stage.modules() if isinstance(module, Attention)]

    spec = autoencoder_spec(regulariser, attention=(False, True, False), mid_attention=False)
    first_stage = FirstStage.from_spec(spec).eval()
    assert len(attention(first_stage)) == 1 + 2  # the decoder has one block more
    assert {(module.heads, module.inner_dim) for module in attention(first_stage)} == {(1, 8)}
    assert len(attention(FirstStage.from_spec(autoencoder_spec(attention=(True, True, True))))) == 2 + 3 * 3
    first_stage.save(tmp_path)
    x = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    loaded = FirstStage.load(tmp_path)
    assert len(attention(loaded)) == 3
    assert loaded.reconstruct(x, noise=None)[0].equal(first_stage.reconstruct(x, noise=None)[0])


def test_no_attention_at_any_level_is_the_default(autoencoder_spec: Spec) -> None:
    torch.manual_seed(0)
    without = FirstStage.from_spec(autoencoder_spec()).state_dict()
    torch.manual_seed(0)
    said = FirstStage.from_spec(autoencoder_spec(attention=(False, False, False))).state_dict()
    assert without.keys() == said.keys()
    assert all(value.equal(said[name]) for name, value in without.items())


def test_the_identity_gives_back_what_it_gets(identity_spec: Autoencoder, x: torch.Tensor, tmp_path: Path) -> None:
    FirstStage.from_spec(identity_spec).save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]
    first_stage = FirstStage.load(tmp_path)
    assert (first_stage.regulariser, first_stage.factor, first_stage.latent_channels) == ("none", 1, 3)
    assert first_stage.codebook_size is None
    assert first_stage.moments(x) is x
    assert first_stage.decode(x) is x
    reconstruction, loss, _ = first_stage.reconstruct(x, noise=None)
    assert reconstruction is x
    assert loss == 0
    assert sample_posterior(x, "none", torch.ones_like(x)) is x


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"regulariser": "none"}, "regulariser 'none' has no architecture, objective, training"),
        ({"objective": None}, "regulariser 'kl' needs objective"),
        ({"regulariser": "vq"}, "codebook_size is a number for regulariser 'vq' and null for 'kl'"),
    ],
)
def test_a_spec_has_the_parts_that_its_regulariser_needs(
    autoencoder_spec: Spec, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        Autoencoder.model_validate(autoencoder_spec().model_dump() | changes)


def test_attention_has_a_flag_per_level(autoencoder_spec: Spec) -> None:
    with pytest.raises(ValidationError, match="one flag per entry of block_out_channels"):
        autoencoder_spec(attention=(True, False))


def test_widths_that_the_groups_do_not_divide_are_refused_with_the_key(autoencoder_spec: Spec) -> None:
    with pytest.raises(InputError, match=r"autoencoders\.tiny\.architecture: .*\[4, 8, 8\].*norm_num_groups \(3\)"):
        FirstStage.from_spec(autoencoder_spec(norm_num_groups=3))


def test_a_folder_that_is_no_first_stage_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"{tmp_path} is not a finished first stage"):
        FirstStage.load(tmp_path)
    (tmp_path / "config.json").write_text('{"_class_name": "UNet2DConditionModel"}')
    with pytest.raises(InputError, match="not a finished first stage"):
        FirstStage.load(tmp_path)
