"""The denoiser: every form of the paper's UNet, saved and loaded. Its numbers are compared in tests/interop."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import UNet2DConditionModel, UNet2DModel
from diffusers.models.attention_processor import Attention
from diffusers.models.downsampling import Downsample2D
from diffusers.models.upsampling import Upsample2D
from torch import Tensor, nn

from ldm_pipelines.diffusion.denoiser import build_denoiser, denoise, load_denoiser
from ldm_pipelines.diffusion.spec import Denoiser
from ldm_pipelines.diffusion.unet import HeadsUNet2DModel
from ldm_pipelines.errors import InputError

torch.set_num_threads(1)


def spec(**changes: Any) -> Denoiser:
    parts: dict[str, Any] = {
        "block_out_channels": (16, 32), "layers_per_block": 1, "attention": (False, True), "head_channels": 8,
        "transformer_depth": 0, "norm_num_groups": 8,
    }  # fmt: skip
    if "heads" in changes:
        parts["head_channels"] = None
    return Denoiser.model_validate(parts | changes)


def build(context_dim: int = 0, concat_channels: int = 0, **changes: Any) -> nn.Module:
    torch.manual_seed(0)
    shape = (3, 8, 8)
    return build_denoiser(spec(**changes), shape, context_dim=context_dim, concat_channels=concat_channels).eval()


FORMS: dict[str, dict[str, Any]] = {
    "plain": {},
    "heads": {"heads": 8},
    "churches": {"heads": 8, "scale_shift_norm": True, "resblock_updown": True},
    "concatenated": {"heads": 4, "concat_channels": 4},
    "cross-attention": {"transformer_depth": 1, "context_dim": 12},
    "cross-attention with heads": {"transformer_depth": 2, "context_dim": 12, "heads": 2},
}


@pytest.fixture(params=FORMS)
def denoiser(request: pytest.FixtureRequest) -> nn.Module:
    return build(**FORMS[request.param])


def eps(denoiser: Any, wide: bool = False) -> Tensor:
    draws = torch.Generator().manual_seed(1)
    x = torch.randn(2, 3, 8, 16 if wide else 8, generator=draws)
    condition: Any = {}
    if denoiser.config.in_channels > 3:
        condition["concat"] = torch.randn(2, 4, *x.shape[2:], generator=draws)
    if isinstance(denoiser, UNet2DConditionModel):
        condition["crossattn"] = torch.randn(2, 5, 12, generator=draws)
    with torch.no_grad():
        return denoise(denoiser, x, torch.tensor([3, 900]), condition)


def public(config: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in config.items() if not key.startswith("_")}


def attentions(denoiser: nn.Module) -> list[Attention]:
    return [module for module in denoiser.modules() if isinstance(module, Attention)]


def test_eps_has_the_latents_shape_whatever_is_concatenated(denoiser: nn.Module) -> None:
    assert eps(denoiser).shape == (2, 3, 8, 8)
    assert eps(denoiser, wide=True).shape == (2, 3, 8, 16)


def test_saving_and_loading_changes_nothing(denoiser: Any, tmp_path: Path) -> None:
    denoiser.save_pretrained(tmp_path)
    loaded: Any = load_denoiser(tmp_path)
    assert type(loaded) is type(denoiser)
    assert not loaded.training
    assert [a.heads for a in attentions(loaded)] == [a.heads for a in attentions(denoiser)]
    assert eps(loaded).equal(eps(denoiser))


def test_the_miniature_class_model_is_what_it_was() -> None:
    """Weights of the committed study come from this very call, with this seed."""
    torch.manual_seed(0)
    expected: Any = UNet2DConditionModel(
        sample_size=8, in_channels=3, out_channels=3, block_out_channels=(16, 32), layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        norm_num_groups=8, cross_attention_dim=12, transformer_layers_per_block=1, attention_head_dim=(2, 4),
    )  # fmt: skip
    ours: Any = build(transformer_depth=1, context_dim=12)
    assert public(ours.config) == public(expected.config)
    assert all(map(torch.equal, ours.state_dict().values(), expected.state_dict().values()))


def test_the_middle_always_attends_and_levels_where_they_should() -> None:
    def levels(*attention: bool) -> list[str]:
        names = [name for name, module in build(attention=attention).named_modules() if isinstance(module, Attention)]
        return sorted({".".join(name.split(".")[: 1 if name.startswith("mid") else 2]) for name in names})

    assert levels(False, False) == ["mid_block"]
    assert levels(False, True) == ["down_blocks.1", "mid_block", "up_blocks.0"]
    assert levels(True, False) == ["down_blocks.0", "mid_block", "up_blocks.1"]


def test_head_channels_give_wider_levels_more_heads_and_heads_the_same_everywhere() -> None:
    def heads(**changes: Any) -> set[tuple[int, int]]:
        found = attentions(build(attention=(True, True), **changes))
        return {(attention.inner_dim, attention.heads) for attention in found}

    assert heads(head_channels=8) == {(16, 2), (32, 4)}
    assert heads(heads=8) == {(16, 8), (32, 8)}
    assert heads(head_channels=8, transformer_depth=1, context_dim=12) == {(16, 2), (32, 4)}
    assert heads(heads=8, transformer_depth=1, context_dim=12) == {(16, 8), (32, 8)}


def by_hand(attention: Attention, x: Tensor, heads: int) -> Tensor:
    """Self-attention of x (b, c, h, w) with a residual, from the weights, one head after the other."""
    assert attention.group_norm is not None
    tokens = attention.group_norm(x).flatten(2).transpose(1, 2)
    q, k, v = (layer(tokens).chunk(heads, dim=2) for layer in (attention.to_q, attention.to_k, attention.to_v))
    each = [
        torch.softmax(q_i @ k_i.transpose(1, 2) / q_i.shape[2] ** 0.5, dim=2) @ v_i
        for q_i, k_i, v_i in zip(q, k, v, strict=True)
    ]
    return attention.to_out[0](torch.cat(each, dim=2)).transpose(1, 2).reshape(x.shape) + x


def test_eight_heads_are_really_used_in_every_attention_also_the_middle_one(tmp_path: Path) -> None:
    build(heads=8, attention=(True, True)).save_pretrained(tmp_path)  # type: ignore[operator]
    loaded = load_denoiser(tmp_path)
    found = attentions(loaded)
    assert len(found) == 2 + 1 + 4
    seen: list[tuple[Attention, Tensor, Tensor]] = []
    for attention in found:
        attention.register_forward_hook(lambda module, inputs, output: seen.append((module, inputs[0], output)))
    eps(loaded)
    assert len(seen) == len(found)
    with torch.no_grad():
        for attention, x, y in seen:
            torch.testing.assert_close(y, by_hand(attention, x, heads=8), rtol=1e-4, atol=1e-5)
            assert not torch.allclose(y, by_hand(attention, x, heads=1), atol=1e-5)


def test_without_heads_it_is_diffusers_own_model() -> None:
    arguments = dict(build().config)  # type: ignore[arg-type]
    torch.manual_seed(0)
    plain = UNet2DModel.from_config(arguments).eval()
    torch.manual_seed(0)
    ours = HeadsUNet2DModel(**public(arguments)).eval()
    assert ours.config.num_heads is None
    assert eps(ours).equal(eps(plain))


def test_residual_resampling_replaces_every_resampling_convolution_also_where_nothing_attends() -> None:
    def names(**changes: Any) -> list[str]:
        denoiser = build(block_out_channels=(16, 16, 32), attention=(False, True, False), heads=8, **changes)
        kinds = (Downsample2D, Upsample2D)
        return [n for n, module in denoiser.named_modules() if isinstance(module, kinds) and module.use_conv]

    assert len(names()) == 4
    assert names(resblock_updown=True) == []


def test_scale_shift_keeps_the_norm_before_the_middle_attention() -> None:
    assert all(a.group_norm is not None for a in attentions(build(heads=8, scale_shift_norm=True)))


def test_time_is_read_as_in_the_original(oracle: Any) -> None:
    tensors, description = oracle("unet_uncond")
    width = description["arguments"]["model_channels"]
    denoiser: Any = build(block_out_channels=(width, 64))
    torch.testing.assert_close(denoiser.time_proj(tensors["in.t"]), tensors["out.time_features"], rtol=0, atol=1e-4)


def test_conditions_are_passed_on() -> None:
    tokens = build(transformer_depth=1, context_dim=12)
    x, t, c = torch.randn(2, 3, 8, 8), torch.tensor(5), torch.randn(2, 4, 12)
    with torch.no_grad():
        expected = tokens(x, t, encoder_hidden_states=c).sample
        assert denoise(tokens, x, t, {"crossattn": c}).equal(expected)
        channels, z = build(concat_channels=4), torch.randn(2, 4, 8, 8)
        assert denoise(channels, x, t, {"concat": z}).equal(channels(torch.cat([x, z], dim=1), t).sample)
        both = build(transformer_depth=1, context_dim=12, concat_channels=4)
        expected = both(torch.cat([x, z], dim=1), t, encoder_hidden_states=c).sample
        assert denoise(both, x, t, {"crossattn": c, "concat": z}).equal(expected)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"heads": 5}, "denoiser.heads: 5 does not divide the 32 of block_out_channels"),
        ({"head_channels": 24}, "denoiser.head_channels: 24 does not divide the 32"),
        ({"heads": 3, "attention": (False, False)}, "3 does not divide the 32"),  # the middle attends all the same
        ({"resblock_updown": True, "transformer_depth": 1, "context_dim": 4}, "denoiser.resblock_updown: .*; false"),
    ],
)
def test_what_cannot_be_built_is_refused_with_the_key(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        build(**changes)


def test_a_folder_that_is_no_denoiser_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"{tmp_path} is not a denoiser"):
        load_denoiser(tmp_path)
    config = {"_class_name": "UNet2DModle"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match="unknown denoiser 'UNet2DModle'; did you mean 'UNet2DModel'"):
        load_denoiser(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(config | {"_class_name": "UNet2DModel"}))
    with pytest.raises(InputError, match="is not a finished denoiser"):
        load_denoiser(tmp_path)
