"""The names and shapes of every released model are those of the networks built from its arguments."""

from typing import Any

import pytest
import torch
from torch import nn

from ldm_pipelines.autoencoders.first_stage import FirstStage
from ldm_pipelines.autoencoders.patch_gan import PatchGAN
from ldm_pipelines.diffusion.conditioners.class_label import ClassConditioner
from ldm_pipelines.diffusion.conditioners.semantic import SemanticConditioner
from ldm_pipelines.diffusion.conditioners.transformer import new_transformer
from ldm_pipelines.diffusion.conditioning_spec import TrainedTransformer
from ldm_pipelines.diffusion.denoiser import build_denoiser
from ldm_pipelines.interop.checkpoint import split_checkpoint
from ldm_pipelines.interop.convert import Source, load_original, on_meta
from ldm_pipelines.interop.names.autoencoder import autoencoder_sources
from ldm_pipelines.interop.names.conditioners import same_names
from ldm_pipelines.interop.names.transformer import transformer_sources
from ldm_pipelines.interop.names.unet import unet_sources
from ldm_pipelines.interop.original.first_stage import read_first_stage
from ldm_pipelines.interop.original.options import Options
from ldm_pipelines.interop.original.unet import read_unet

Built = tuple[nn.Module, dict[str, Source]]


def unet(cls: str, arguments: dict[str, Any]) -> Built:
    read = read_unet(Options(arguments, "unet"))
    network = build_denoiser(
        read.denoiser,
        (read.out_channels, 8, 8),
        context_dim=read.context_dim,
        concat_channels=read.in_channels - read.out_channels,
    )
    return network, unet_sources(network)


def autoencoder(cls: str, arguments: dict[str, Any]) -> Built:
    architecture = read_first_stage(Options({"target": cls_path(cls), "params": arguments}, "first stage"))
    assert architecture != "identity"
    model = FirstStage.from_architecture(architecture, 256, "released").model
    return model, autoencoder_sources(model)


def transformer(cls: str, arguments: dict[str, Any]) -> Built:
    spec = TrainedTransformer(
        kind="trained", layers=arguments["n_layer"], dim=arguments["n_embed"], heads=8, head_channels=64
    )
    network = new_transformer(spec, arguments["vocab_size"], arguments["max_seq_len"])
    sources = transformer_sources(network)
    return network, {name: Source(f"transformer.{source.name}") for name, source in sources.items()}


def class_embedder(cls: str, arguments: dict[str, Any]) -> Built:
    null_class = arguments["n_classes"] == 1001
    network = ClassConditioner(arguments["n_classes"] - null_class, arguments["embed_dim"], null_class)
    return network, same_names(network)


def spatial_rescaler(cls: str, arguments: dict[str, Any]) -> Built:
    names = [str(number) for number in range(arguments["in_channels"])]
    network = SemanticConditioner(names, arguments["n_stages"], arguments["out_channels"])
    return network, same_names(network)


def discriminator(cls: str, arguments: dict[str, Any]) -> Built:
    network = PatchGAN(arguments["ndf"], arguments["n_layers"], arguments["input_nc"])
    return network, same_names(network)


def cls_path(cls: str) -> str:
    return f"ldm.models.autoencoder.{cls}"


@pytest.mark.parametrize(
    ("build", "count"),
    [(unet, 13), (autoencoder, 9), (transformer, 3), (class_embedder, 2), (spatial_rescaler, 2), (discriminator, 2)],
)
def test_every_released_name_has_one_place(released: Any, build: Any, count: int) -> None:
    """A fused tensor fills three places, every other one: none is missing, left over or of another shape."""
    models = released(build.__name__)
    assert len(models) == count
    for name, (cls, arguments, shapes) in models.items():
        network, sources = on_meta_with_sources(build, cls, arguments)
        state = {key: torch.empty(shape, device="meta") for key, shape in shapes.items()}
        assert set(sources) == set(network.state_dict()), name
        load_original(network, sources, state, name)
        places = sorted(source.name for source in sources.values())
        fused = sorted(key for key in shapes if ".qkv." in key)
        assert places == sorted([*shapes, *fused, *fused]), name
        assert sum(value.numel() for value in network.state_dict().values()) == sum(
            value.numel() for value in state.values()
        ), name


def on_meta_with_sources(build: Any, cls: str, arguments: dict[str, Any]) -> Built:
    found: list[dict[str, Source]] = []

    def network() -> nn.Module:
        built, sources = build(cls, arguments)
        found.append(sources)
        return built

    return on_meta(network), found[0]


COND_STAGES = {"ClassEmbedder": "class_embedder", "SpatialRescaler": "spatial_rescaler", "BERTEmbedder": "transformer"}


def test_complete_released_checkpoints_are_split_without_remainder(released: Any, prefixes: dict[str, Any]) -> None:
    """Names put together by the facts in the fixtures; their number is that of the original models' entries."""
    for name, about in prefixes["checkpoints"].items():
        unet = released("unet")[about["unet"]][2]
        first_stage = released("autoencoder")[about["first_stage_architecture"]][2]
        kind = about["cond_stage"]
        cond_stage = first_stage if kind == "first_stage" else {}
        if kind in COND_STAGES:
            cond_stage = released(COND_STAGES[kind])[name][2]
        shadow = [f"model_ema.{f'diffusion_model.{key}'.replace('.', '')}" for key in unet] if about["ema"] else []
        state = dict.fromkeys(
            [
                *(prefixes["unet"] + key for key in unet),
                *(prefixes["first_stage"] + key for key in first_stage),
                *(prefixes["cond_stage"] + key for key in cond_stage),
                *shadow,
                *(prefixes["ema_names"]["extra_entries"] if about["ema"] else []),
                *prefixes["schedule_buffers"]["names"],
                *(["scale_factor"] if about["scale_factor_is_buffer"] else []),
            ],
            torch.tensor(0.5),
        )
        assert len(state) == about["state_dict_size"], name
        parts = split_checkpoint(state, ema=True, origin=name)
        assert set(parts.unet) == set(unet)
        assert set(parts.first_stage) == set(first_stage)
        assert set(parts.cond_stage) == set(cond_stage)
        assert parts.averaged == about["ema"]
        assert parts.scale_factor == (0.5 if about["scale_factor_is_buffer"] else None)
