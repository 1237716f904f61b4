"""Descriptions of models, for Tables 12-15 and 17: nothing is trained, and networks are built without numbers."""

from typing import Any

from ldm_pipelines.autoencoders.spec import Autoencoder
from ldm_pipelines.diffusion.spec import LDM
from ldm_pipelines.preparation.spec import Dataset

VOCABULARIES = {"bert-base-uncased": 30522}
"""Sizes of pretrained tokenizers, known without loading them."""


def describe_importing_ldm(ldm: LDM) -> dict[str, Any]:
    """Of a model with an imported first stage: neither settings nor numbers are known."""
    why = f"the first stage {ldm.autoencoder} is imported, its shapes are not among the parameters"
    return {"kind": "settings", "name": ldm.name, "missing": why}


def describe_ldm(ldm: LDM, dataset: Dataset, autoencoder: Autoencoder) -> dict[str, Any]:
    """Settings in the paper's terms, and the numbers of parameters."""
    from ldm_pipelines.reporting.tables.terms import settings_of

    counts = count_parameters(ldm, autoencoder, dataset.image_size)
    return {
        "kind": "settings",
        "name": ldm.name,
        "metrics": {f"n_params_{part}": count for part, count in counts.items()},
        "conditioning": ldm.conditioning.kind,
        "settings": settings_of(ldm, autoencoder, dataset.image_size),
        "parameters": counts,
        "provenance": {"ldm": ldm.name, "autoencoder": autoencoder.name, "dataset": dataset.name},
    }


def count_parameters(ldm: LDM, autoencoder: Autoencoder, image_size: int) -> dict[str, int | None]:
    """Of the denoiser, the first stage, and the transformer of captions or boxes (None: there is none, or unknown)."""
    import torch

    from ldm_pipelines.autoencoders.first_stage import FirstStage
    from ldm_pipelines.diffusion.conditioners.conditioner import Surroundings
    from ldm_pipelines.diffusion.conditioners.registry import build_conditioner
    from ldm_pipelines.diffusion.conditioners.transformer import new_transformer
    from ldm_pipelines.diffusion.denoiser import build_denoiser
    from ldm_pipelines.reporting.tables.terms import embedding_dim

    conditioning, transformer, context, concat = ldm.conditioning, None, embedding_dim(ldm.conditioning) or 0, 0
    with torch.device("meta"):
        stage = FirstStage.from_spec(autoencoder, image_size=image_size)
        side = image_size // stage.factor
        shape = (stage.latent_channels, side, side)
        if conditioning.kind == "text":
            tokenizer, encoder = conditioning.tokenizer, conditioning.encoder
            known = VOCABULARIES.get(tokenizer.name) if tokenizer.kind == "pretrained" else tokenizer.vocab_size
            if known and encoder.kind == "trained":
                transformer = new_transformer(encoder, known, conditioning.max_length)
        else:
            one = ("one",)  # how many classes the data has changes none of the counts below
            surroundings = Surroundings(shape, stage.factor, classes=one, box_classes=one, map_classes=one)
            conditioner = build_conditioner(conditioning, surroundings)
            concat = conditioner.concat_channels
            transformer = conditioner if conditioning.kind == "layout" else None
        denoiser = build_denoiser(ldm.denoiser, shape, context_dim=context, concat_channels=concat)
    return {
        "denoiser": _count(denoiser),
        "conditioner": None if transformer is None else _count(transformer),
        "first_stage": _count(stage),
    }


def _count(module: Any) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
