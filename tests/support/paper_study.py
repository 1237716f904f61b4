"""The paper-size study, its models without numbers, and the facts that it is compared with.

Facts: ``conf/paper/configs.yaml`` (read from paper and release), and the arguments and parameter counts of the original
classes in ``tests/fixtures/compvis``.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
import yaml
from support.originals import FIXTURES
from torch import nn

from ldm_pipelines.autoencoders.first_stage import FirstStage
from ldm_pipelines.config.compose import compose
from ldm_pipelines.config.study import Study, read_study
from ldm_pipelines.diffusion.conditioners.conditioner import Surroundings
from ldm_pipelines.diffusion.conditioners.registry import build_conditioner
from ldm_pipelines.diffusion.conditioners.transformer import new_transformer
from ldm_pipelines.diffusion.denoiser import build_denoiser
from ldm_pipelines.diffusion.spec import LDM

PROJECT = Path(__file__).parents[2]
FACTS: dict[str, Any] = yaml.safe_load((PROJECT / "conf" / "paper" / "configs.yaml").read_text())
COUNTS: dict[str, Any] = json.loads((FIXTURES / "released_counts.json").read_text())["parameters"]
ARGUMENTS: dict[str, Any] = json.loads((FIXTURES / "released_arguments.json").read_text())
BERT_VOCABULARY = 30522
RELEASED = {
    "celebahq": "celeba256",
    "ffhq": "ffhq256",
    "lsun_churches": "lsun_churches256",
    "lsun_bedrooms": "lsun_beds256",
    "imagenet_ldm4": "cin256-v2",
    "imagenet_ldm8": "cin256",
    "text_to_image": "txt2img-1p4B-eval",
    "text2img256": "text2img256",
    "layout_openimages": "layout2img-openimages256",
    "super_resolution_bsr": "bsr_sr",
    "inpainting_places_big": "inpainting_big",
    "semantic_landscapes_256": "semantic_synthesis256",
    "semantic_landscapes_512": "semantic_synthesis512",
}
"""Our models -> the released ones."""


@cache
def study() -> Study:
    return read_study(yaml.safe_load(compose(PROJECT, ["study=paper"])), "study=paper")


@dataclass(frozen=True)
class Built:
    """A model on the meta device: shapes without numbers."""

    spec: LDM
    latent_shape: tuple[int, int, int]
    denoiser: Any
    conditioner: nn.Module
    concat_channels: int
    context_dim: int


@cache
def first_stage(name: str) -> FirstStage:
    with torch.device("meta"):
        return FirstStage.from_spec(study().autoencoders[name], image_size=256)


@cache
def built(name: str) -> Built:
    spec = study().ldms[name]
    stage = first_stage(spec.autoencoder)
    side = study().datasets[spec.dataset].image_size // stage.factor
    shape = (stage.latent_channels, side, side)
    surroundings = Surroundings(
        shape, stage.factor,
        classes=[str(i) for i in range(1000)],
        box_classes=[str(i) for i in range(300)],
        map_classes=[str(i) for i in range(182)],
    )  # fmt: skip
    context, concat = 0, 0
    conditioner: Any
    with torch.device("meta"):
        if spec.conditioning.kind == "text":  # the pretrained tokenizer is not here; its vocabulary is known
            encoder = spec.conditioning.encoder
            assert encoder.kind == "trained"
            conditioner = new_transformer(encoder, BERT_VOCABULARY, spec.conditioning.max_length)
            context = encoder.dim
        else:
            conditioner = build_conditioner(spec.conditioning, surroundings)
            context, concat = conditioner.context_dim, conditioner.concat_channels
        denoiser = build_denoiser(spec.denoiser, shape, context_dim=context, concat_channels=concat)
    return Built(spec, shape, denoiser, conditioner, concat, context)


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def shape_of(text: str) -> tuple[int, int, int]:
    """ "64x64x3" -> (3, 64, 64)."""
    height, width, channels = map(int, text.split("x"))
    return channels, height, width
