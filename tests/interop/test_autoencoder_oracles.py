"""Imported first stages compute what the original's compute."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from ldm_pipelines.autoencoders.first_stage import FirstStage, sample_posterior
from ldm_pipelines.errors import InputError
from ldm_pipelines.interop.convert import load_original, on_meta
from ldm_pipelines.interop.names.autoencoder import autoencoder_sources
from ldm_pipelines.interop.original.first_stage import read_first_stage
from ldm_pipelines.interop.original.options import Options


def imported(oracle: Any, **changes: Any) -> FirstStage:
    arguments = oracle.arguments | {"ddconfig": oracle.arguments["ddconfig"] | changes}
    config = {"target": f"ldm.models.autoencoder.{oracle.about['original_class']}", "params": arguments}
    architecture = read_first_stage(Options(config, "first_stage_config"))
    assert architecture != "identity"
    first_stage = on_meta(lambda: FirstStage.from_architecture(architecture, 16, "oracle"))
    load_original(first_stage.model, autoencoder_sources(first_stage.model), oracle.state, "oracle")
    return first_stage.eval()


def close(found: torch.Tensor, expected: torch.Tensor, atol: float = 1e-4) -> None:
    torch.testing.assert_close(found, expected, rtol=0, atol=atol)


@torch.no_grad()
@pytest.mark.parametrize("name", ["ae_kl", "ae_kl_attn"])
def test_kl(original: Callable[[str], Any], name: str) -> None:
    oracle = original(name)
    first_stage = imported(oracle)
    x, results = oracle.inputs["x"], oracle.results
    moments = first_stage.moments(x)
    close(moments, results["moments"])
    close(sample_posterior(moments, "kl", oracle.inputs["noise"]), results["sample"])
    reconstruction, kl, _ = first_stage.reconstruct(x, noise=None)
    close(reconstruction, results["reconstruction"], atol=2e-4)
    torch.testing.assert_close(kl, results["kl"].mean(), rtol=1e-5, atol=0)
    close(first_stage.decode(oracle.inputs["z"]), results["decoded"])


@torch.no_grad()
@pytest.mark.parametrize("name", ["ae_vq", "ae_vq_noattn"])
def test_vq(original: Callable[[str], Any], name: str) -> None:
    oracle = original(name)
    first_stage = imported(oracle)
    x, z, results = oracle.inputs["x"], oracle.inputs["z"], oracle.results
    prequant = first_stage.moments(x)
    close(prequant, results["prequant"])
    for latent, prefix in ((prequant, ""), (z, "z_")):
        quantised = first_stage.quantise(latent)
        assert quantised.indices.flatten().tolist() == results[f"{prefix}indices"].tolist()
        close(quantised.z, results[f"{prefix}quantised"])
        close(quantised.loss, results[f"{prefix}codebook_loss"])
    close(first_stage.decode(prequant), results["reconstruction"], atol=2e-4)
    close(first_stage.decode(z), results["decoded"])
    close(first_stage.model.decode(z, force_not_quantize=True).sample, results["decoded_unquantised"])


def test_attention_that_the_weights_do_not_have_is_refused(original: Callable[[str], Any]) -> None:
    with pytest.raises(InputError, match=r"missing: decoder\.up\.1\.attn\.0"):
        imported(original("ae_kl"), attn_resolutions=[8])
    with pytest.raises(InputError, match=r"left over: decoder\.mid\.attn_1"):
        imported(original("ae_kl"), attn_type="none")


def test_another_width_is_refused_by_shape(original: Callable[[str], Any]) -> None:
    with pytest.raises(InputError, match=r"wrong shapes: .*\(\d+ in all\)"):
        imported(original("ae_kl"), ch=64)


@pytest.mark.parametrize(
    ("option", "value"),
    [("tanh_out", True), ("resamp_with_conv", False), ("use_linear_attn", True), ("double_z", False), ("out_ch", 1)],
)
def test_options_we_have_no_counterpart_for_are_refused(
    original: Callable[[str], Any], option: str, value: Any
) -> None:
    with pytest.raises(InputError, match=rf"ddconfig\.{option} is"):
        imported(original("ae_kl"), **{option: value})


def test_embed_dim_must_be_z_channels(original: Callable[[str], Any]) -> None:
    oracle = original("ae_kl")
    oracle.arguments["embed_dim"] = 3
    with pytest.raises(InputError, match=r"embed_dim \(3\) differs from z_channels \(4\)"):
        imported(oracle)
