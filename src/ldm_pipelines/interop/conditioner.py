"""The conditioner of an imported model."""

from collections.abc import Sequence
from functools import singledispatch
from typing import Any, NamedTuple

import torch

from ldm_pipelines.diffusion.conditioners.class_label import ClassConditioner
from ldm_pipelines.diffusion.conditioners.conditioner import Conditioner
from ldm_pipelines.diffusion.conditioners.inpainting import InpaintingConditioner
from ldm_pipelines.diffusion.conditioners.layout import LayoutConditioner
from ldm_pipelines.diffusion.conditioners.low_res import LowResConditioner
from ldm_pipelines.diffusion.conditioners.semantic import SemanticConditioner
from ldm_pipelines.diffusion.conditioners.text import TextConditioner
from ldm_pipelines.diffusion.conditioners.tokenizer import pretrained_tokenizer
from ldm_pipelines.diffusion.conditioners.transformer import new_transformer
from ldm_pipelines.diffusion.conditioners.unconditional import Unconditional
from ldm_pipelines.diffusion.conditioning_spec import (
    ClassConditioning,
    InpaintingConditioning,
    LayoutConditioning,
    LowResConditioning,
    NoConditioning,
    SemanticConditioning,
    TextConditioning,
)
from ldm_pipelines.errors import InputError
from ldm_pipelines.interop.checkpoint import Components, first_dozen
from ldm_pipelines.interop.convert import load_original, on_meta
from ldm_pipelines.interop.names.conditioners import conditioner_sources
from ldm_pipelines.interop.spec import Definition

IMAGENET_WITH_NULL = 1001
"""Rows of the released ImageNet model's embedding: 1000 classes, and one that means "no class"."""
TOKENS = "transformer.token_emb.weight"


class Given(NamedTuple):
    """What a conditioner is built from, besides its own parameters."""

    definition: Definition
    parts: Components
    classes: Sequence[str]
    null_class: bool | None


def import_conditioner(
    definition: Definition, parts: Components, origin: str, classes: Sequence[str] = (), null_class: bool | None = None
) -> Conditioner:
    """The conditioner with the weights of ``parts.cond_stage``, in evaluation mode.

    ``classes`` names the classes of labels, boxes or maps; without, labels and maps are numbered. ``null_class`` says
    whether the last row of a class embedding means "no class"; None: where it is one more than ``classes``, or the
    1001st.

    Raises:
        InputError: names, weights and definition do not agree.
    """
    conditioning = definition.conditioning
    conditioner = on_meta(lambda: _build(conditioning, Given(definition, parts, classes, null_class)))
    if conditioning.kind == "inpainting":
        _check_shared(parts, origin)
    else:
        load_original(conditioner, conditioner_sources(conditioner), parts.cond_stage, f"{origin}, conditioner")
    return conditioner.eval()


def _check_shared(parts: Components, origin: str) -> None:
    """The original stores a first stage that also conditions twice; both copies must be the same."""
    if not parts.cond_stage:
        return
    differing = sorted(parts.cond_stage.keys() ^ parts.first_stage.keys()) or [
        name for name, tensor in parts.cond_stage.items() if not torch.equal(tensor, parts.first_stage[name])
    ]
    if differing:
        raise InputError(f"{origin}: the conditioner's copy of the first stage differs: {first_dozen(differing)}")
    parts.unused["cond_stage_model."] = len(parts.cond_stage)


def _names(classes: Sequence[str], count: int, what: str) -> list[str]:
    if classes and len(classes) != count:
        raise InputError(f"classes: {len(classes)} names for {count} {what}")
    return list(classes) or [str(number) for number in range(count)]


@singledispatch
def _build(spec: Any, given: Given) -> Conditioner:
    raise TypeError(type(spec).__name__)


@_build.register
def _(spec: NoConditioning, given: Given) -> Conditioner:
    return Unconditional()


@_build.register
def _(spec: ClassConditioning, given: Given) -> Conditioner:
    rows, null_class = given.definition.condition_classes, given.null_class
    if null_class is None:
        null_class = rows == len(given.classes) + 1 if given.classes else rows == IMAGENET_WITH_NULL
    _names(given.classes, rows - null_class, f"classes ({rows} rows, {'one' if null_class else 'none'} of them null)")
    return ClassConditioner(rows - null_class, spec.dim, null_class)


@_build.register
def _(spec: TextConditioning, given: Given) -> Conditioner:
    if spec.tokenizer.kind != "pretrained" or spec.encoder.kind != "trained":
        raise InputError(
            "conditioning: an imported text model needs the tokenizer it was trained with (kind: pretrained), and has "
            "an encoder of its own (kind: trained)"
        )
    tokenizer = pretrained_tokenizer(spec.tokenizer.name)
    cond_stage = given.parts.cond_stage
    rows = len(cond_stage[TOKENS]) if TOKENS in cond_stage else len(tokenizer)
    if rows != len(tokenizer):
        raise InputError(
            f"conditioning.tokenizer.name: {spec.tokenizer.name} has {len(tokenizer)} tokens, the checkpoint {rows}: "
            "it was trained with another tokenizer"
        )
    return TextConditioner(tokenizer, new_transformer(spec.encoder, rows, spec.max_length), spec.max_length)


@_build.register
def _(spec: LayoutConditioning, given: Given) -> Conditioner:
    return LayoutConditioner(given.classes, spec.vocab_size, spec.max_objects, spec.encoder)


@_build.register
def _(spec: SemanticConditioning, given: Given) -> Conditioner:
    names = _names(given.classes, given.definition.condition_classes, "channels of the one-hot map")
    return SemanticConditioner(names, spec.stages, spec.channels)


@_build.register
def _(spec: LowResConditioning, given: Given) -> Conditioner:
    factor = given.definition.factor
    if spec.degradation.factor != factor:
        raise InputError(
            f"conditioning.degradation.factor is {spec.degradation.factor}, but the first stage shrinks images by "
            f"{factor}: the original takes low-resolution images of the latent's size, so this must be {factor}"
        )
    return LowResConditioner(spec.degradation)


@_build.register
def _(spec: InpaintingConditioning, given: Given) -> Conditioner:
    return InpaintingConditioner(given.definition.latent_channels, given.definition.factor, spec.masks)
