"""Imported UNets compute what the original's compute."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from ldm_pipelines.diffusion.denoiser import build_denoiser, denoise
from ldm_pipelines.errors import InputError
from ldm_pipelines.interop.convert import load_original, on_meta
from ldm_pipelines.interop.names.unet import unet_sources
from ldm_pipelines.interop.original.options import Options
from ldm_pipelines.interop.original.unet import read_unet

FAMILIES = [
    "unet_uncond", "unet_churches_style", "unet_inpainting_style", "unet_middle_attention_only",
    "unet_cross_attention", "unet_cross_attention_heads1", "unet_cross_attention_depth3",
]  # fmt: skip


def imported(oracle: Any, **changes: Any) -> Any:
    """The oracle's UNet here; ``changes`` tell another architecture than the weights have."""
    unet = read_unet(Options(oracle.arguments | changes, "unet"))
    network = on_meta(
        lambda: build_denoiser(
            unet.denoiser,
            (unet.out_channels, 8, 8),
            context_dim=unet.context_dim,
            concat_channels=unet.in_channels - unet.out_channels,
        )
    )
    load_original(network, unet_sources(network), oracle.state, "oracle")
    return network.eval()


@torch.no_grad()
def eps(network: Any, oracle: Any, x: str = "x", context: str = "context") -> torch.Tensor:
    condition = {"crossattn": oracle.inputs[context]} if context in oracle.inputs else {}
    return denoise(network, oracle.inputs[x], oracle.inputs["t"], condition)


@pytest.mark.parametrize("name", FAMILIES)
def test_noise_prediction(original: Callable[[str], Any], name: str) -> None:
    oracle = original(name)
    network = imported(oracle)
    middle = []
    network.mid_block.register_forward_hook(lambda module, args, output: middle.append(output))
    torch.testing.assert_close(eps(network, oracle), oracle.results["eps"], rtol=0, atol=1e-4)
    torch.testing.assert_close(middle[0], oracle.results["middle_block"], rtol=0, atol=1e-4)
    features = network.time_proj(oracle.inputs["t"])
    torch.testing.assert_close(features, oracle.results["time_features"], rtol=0, atol=1e-4)


def test_one_token_of_context(original: Callable[[str], Any]) -> None:
    oracle = original("unet_cross_attention_heads1")
    found = eps(imported(oracle), oracle, context="context_one_token")
    torch.testing.assert_close(found, oracle.results["eps_one_token"], rtol=0, atol=1e-4)


def test_latents_of_another_shape(original: Callable[[str], Any]) -> None:
    oracle = original("unet_middle_attention_only")
    found = eps(imported(oracle), oracle, x="x_wide")
    torch.testing.assert_close(found, oracle.results["eps_wide"], rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_wrong_number_of_heads_shows_in_the_result(original: Callable[[str], Any], name: str) -> None:
    """The shapes fit any number of heads: only the declared number can be right, and is used."""
    oracle = original(name)
    wrong = {"num_heads": 2, "num_head_channels": -1}
    assert (oracle.arguments.get("num_heads"), oracle.arguments.get("num_head_channels")) != (2, -1)
    error = (eps(imported(oracle, **wrong), oracle) - oracle.results["eps"]).abs().max()
    assert error > 0.5  # the smallest effect of this mistake in the original is 2.5


def test_heads_that_do_not_divide_the_channels_are_refused(original: Callable[[str], Any]) -> None:
    with pytest.raises(InputError, match="5 does not divide the 32"):
        imported(original("unet_churches_style"), num_heads=5)


def test_a_fused_tensor_is_split_by_head_then_by_role(original: Callable[[str], Any]) -> None:
    """Rows are (head, q | k | v, channel): with numbered rows one sees where each went."""
    oracle = original("unet_inpainting_style")  # 8 heads
    fused = "middle_block.1.qkv.bias"
    oracle.state[fused] = torch.arange(len(oracle.state[fused]), dtype=torch.float32)
    attention = imported(oracle).mid_block.attentions[0]
    head_channels = 64 // 8
    rows = torch.arange(3 * 64).reshape(8, 3, head_channels)
    for part, layer in enumerate((attention.to_q, attention.to_k, attention.to_v)):
        assert layer.bias.tolist() == rows[:, part].flatten().tolist()


def test_imported_weights_survive_save_and_load(original: Callable[[str], Any], tmp_path: Any) -> None:
    from ldm_pipelines.diffusion.denoiser import load_denoiser

    oracle = original("unet_churches_style")
    imported(oracle).save_pretrained(tmp_path)
    torch.testing.assert_close(eps(load_denoiser(tmp_path), oracle), oracle.results["eps"], rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("option", "value"),
    [("use_new_attention_order", True), ("num_classes", 10), ("dims", 3), ("conv_resample", False), ("n_embed", 8)],
)
def test_options_we_have_no_counterpart_for_are_refused(
    original: Callable[[str], Any], option: str, value: Any
) -> None:
    with pytest.raises(InputError, match=rf"unet\.{option} is"):
        imported(original("unet_uncond"), **{option: value})


def test_unknown_options_are_refused(original: Callable[[str], Any]) -> None:
    with pytest.raises(InputError, match="num_head_chanels: unknown to the importer; did you mean 'num_head_channels'"):
        imported(original("unet_uncond"), num_head_chanels=4)
