"""Frozen pretrained text encoders, and the folders in which text encoders are kept."""

import json
from pathlib import Path
from typing import Any

from diffusers.pipelines.latent_diffusion.pipeline_latent_diffusion import LDMBertModel
from transformers import AutoConfig, CLIPTextModel, T5EncoderModel

from ldm_pipelines.diffusion.conditioners.pretrained import load_pretrained, quiet
from ldm_pipelines.diffusion.conditioning_spec import PretrainedTextEncoder
from ldm_pipelines.errors import InputError, near_miss

FROZEN: dict[str, Any] = {"clip": CLIPTextModel, "clip_text_model": CLIPTextModel, "t5": T5EncoderModel}
"""By the ``model_type`` of their ``config.json``; of a whole CLIP, the text half."""
MODELS: dict[str, Any] = {model.__name__: model for model in (LDMBertModel, CLIPTextModel, T5EncoderModel)}


def pretrained_text_encoder(spec: PretrainedTextEncoder, vocab_size: int, max_length: int) -> Any:
    """The encoder, frozen, checked against the tokenizer and the parameters.

    Raises:
        InputError: there is none, or it does not fit.
    """
    key = "conditioning.encoder.name"
    model_type = load_pretrained(AutoConfig, spec.name, key, "text encoder").model_type
    if model_type not in FROZEN:
        raise InputError(
            f"{key}: {spec.name} is a model of type {model_type!r}, not a text encoder that we know"
            f"{near_miss(model_type, FROZEN)}"
        )
    encoder = load_pretrained(FROZEN[model_type], spec.name, key, "text encoder")
    config = encoder.config
    places = getattr(config, "max_position_embeddings", max_length)  # T5 has none: its positions are relative
    if config.hidden_size != spec.dim:
        raise InputError(f"conditioning.encoder.dim is {spec.dim}, but {spec.name} has {config.hidden_size} channels")
    if places < max_length:
        raise InputError(f"conditioning.max_length is {max_length}, but {spec.name} reads at most {places} tokens")
    if config.vocab_size < vocab_size:
        raise InputError(
            f"conditioning.tokenizer has {vocab_size} tokens, but {spec.name} knows {config.vocab_size}: take the "
            "encoder's own tokenizer"
        )
    return encoder


def save_text_encoder(encoder: Any, folder: Path) -> None:
    """The folder that ``from_pretrained`` reads."""
    encoder.config.name_or_path = ""
    with quiet():
        encoder.save_pretrained(folder)


def load_text_encoder(folder: Path) -> Any:
    """What ``save_text_encoder`` wrote."""
    name = json.loads((folder / "config.json").read_text())["architectures"][0]
    with quiet():
        return MODELS[name].from_pretrained(folder, local_files_only=True)
