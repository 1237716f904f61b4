"""Conditioners: ``ClassEmbedder``, ``SpatialRescaler`` and ``BERTEmbedder`` of the original; the discriminator."""

from torch import nn

from ldm_pipelines.interop.convert import Source
from ldm_pipelines.interop.names.transformer import transformer_sources

TRANSFORMER = "transformer"


def conditioner_sources(conditioner: nn.Module) -> dict[str, Source]:
    """For every parameter of one of our conditioners its original tensor; only transformers have other names here."""
    if TRANSFORMER not in dict(conditioner.named_children()):
        return same_names(conditioner)
    inside = transformer_sources(conditioner.get_submodule(TRANSFORMER))
    return {f"{TRANSFORMER}.{name}": Source(f"{TRANSFORMER}.{source.name}") for name, source in inside.items()}


def same_names(module: nn.Module) -> dict[str, Source]:
    """Modules that kept the original names: class embedding, channel mapper, ``PatchGAN`` with its statistics."""
    return {name: Source(name) for name in module.state_dict()}
