from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch

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


def test_widths_that_the_groups_do_not_divide_are_refused_with_the_key(autoencoder_spec: Spec) -> None:
    with pytest.raises(InputError, match=r"autoencoders\.tiny\.architecture: .*\[4, 8, 8\].*norm_num_groups \(3\)"):
        FirstStage.from_spec(autoencoder_spec(norm_num_groups=3))


def test_a_folder_that_is_no_first_stage_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"{tmp_path} is not a finished first stage"):
        FirstStage.load(tmp_path)
    (tmp_path / "config.json").write_text('{"_class_name": "UNet2DConditionModel"}')
    with pytest.raises(InputError, match="not a finished first stage"):
        FirstStage.load(tmp_path)
