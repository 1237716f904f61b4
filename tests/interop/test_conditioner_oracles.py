"""Imported conditioners compute what the original's compute."""

from collections.abc import Callable
from typing import Any

import torch

from ldm_pipelines.autoencoders.patch_gan import PatchGAN
from ldm_pipelines.diffusion.conditioners.class_label import ClassConditioner
from ldm_pipelines.diffusion.conditioners.semantic import SemanticConditioner
from ldm_pipelines.diffusion.conditioners.transformer import new_transformer
from ldm_pipelines.diffusion.conditioning_spec import TrainedTransformer
from ldm_pipelines.interop.convert import Source, load_original, on_meta
from ldm_pipelines.interop.names.conditioners import conditioner_sources, same_names
from ldm_pipelines.interop.names.transformer import transformer_sources


@torch.no_grad()
def test_transformer(original: Callable[[str], Any]) -> None:
    oracle = original("bert_encoder")
    about = oracle.arguments
    spec = TrainedTransformer(kind="trained", layers=about["n_layer"], dim=about["n_embed"], heads=8, head_channels=64)
    transformer = on_meta(lambda: new_transformer(spec, about["vocab_size"], about["max_seq_len"]))
    sources = {name: Source(f"transformer.{source.name}") for name, source in transformer_sources(transformer).items()}
    load_original(transformer, sources, oracle.state, "oracle")
    transformer.eval()
    for tokens, embeddings in (("tokens", "embeddings"), ("tokens_short", "embeddings_short")):
        found = transformer(oracle.inputs[tokens], return_dict=False)[0]
        torch.testing.assert_close(found, oracle.results[embeddings], rtol=0, atol=1e-4)


@torch.no_grad()
def test_class_embedder(original: Callable[[str], Any]) -> None:
    oracle = original("class_embedder")
    conditioner = on_meta(lambda: ClassConditioner(num_classes=10, dim=16))
    load_original(conditioner, conditioner_sources(conditioner), oracle.state, "oracle")
    found = conditioner({"label": oracle.inputs["labels"]})["crossattn"]
    torch.testing.assert_close(found, oracle.results["embeddings"], rtol=0, atol=1e-6)


@torch.no_grad()
def test_spatial_rescaler(original: Callable[[str], Any]) -> None:
    oracle = original("spatial_rescaler")
    about = oracle.arguments
    names = [str(number) for number in range(about["in_channels"])]
    conditioner = on_meta(lambda: SemanticConditioner(names, about["n_stages"], about["out_channels"]))
    load_original(conditioner, conditioner_sources(conditioner), oracle.state, "oracle")
    for x, y in (("x", "y"), ("x_odd", "y_odd")):
        torch.testing.assert_close(conditioner.rescale(oracle.inputs[x]), oracle.results[y], rtol=0, atol=1e-6)


@torch.no_grad()
def test_discriminator(original: Callable[[str], Any]) -> None:
    """Its loss in evaluation mode needs the imported batch-norm statistics."""
    oracle = original("loss_vq")
    state = {
        name.removeprefix("discriminator."): value
        for name, value in oracle.state.items()
        if name.startswith("discriminator.")
    }
    discriminator = on_meta(lambda: PatchGAN(8, oracle.arguments.get("disc_num_layers", 3)))
    load_original(discriminator, same_names(discriminator), state, "oracle")
    assert set(discriminator.state_dict()) == set(state)
    for name, value in discriminator.state_dict().items():
        torch.testing.assert_close(value, state[name])
