"""A model's parameters in the words of the paper's hyperparameter tables. PyTorch is not imported here."""

from typing import Any

from ldm_pipelines.autoencoders.spec import Autoencoder
from ldm_pipelines.diffusion.conditioning_spec import (
    CONCATENATED,
    TOKENISED,
    ClassConditioning,
    Conditioning,
    LayoutConditioning,
    TextConditioning,
)
from ldm_pipelines.diffusion.spec import LDM

Settings = dict[str, Any]


def settings_of(ldm: LDM, autoencoder: Autoencoder, image_size: int) -> Settings:
    """The rows of Tables 12-15 and 17, by the keys of ``conf/paper``; None for what a model does not have."""
    factor = autoencoder.architecture.factor if autoencoder.architecture else 1
    channels = autoencoder.architecture.latent_channels if autoencoder.architecture else 3
    side = image_size // factor
    unet = ldm.denoiser
    width = unet.block_out_channels[0]
    attended = [side // 2**level for level, flag in enumerate(unet.attention) if flag]
    tokens = ldm.conditioning.kind in TOKENISED
    widths = [c for c, flag in zip(unet.block_out_channels, unet.attention, strict=True) if flag]
    heads = unet.heads or [c // (unet.head_channels or c) for c in widths or unet.block_out_channels[-1:]]
    return {
        "f": factor,
        "z_shape": f"{side}x{side}x{channels}",
        "codebook_size": autoencoder.architecture.codebook_size if autoencoder.architecture else None,
        "diffusion_steps": ldm.schedule.timesteps,
        "noise_schedule": "linear",  # the one there is: linear in sqrt(beta), as released
        "channels": width,
        "depth": unet.layers_per_block,
        "channel_multiplier": [_ratio(c, width) for c in unet.block_out_channels],
        "attention_resolutions": attended,
        "head_channels": unet.head_channels or width // (unet.heads or 1),
        "number_of_heads": heads if isinstance(heads, int) or len(set(heads)) > 1 else heads[0],
        "dropout": None,
        "batch_size": ldm.training.batch_size,
        "iterations": ldm.training.steps,
        "learning_rate": ldm.training.learning_rate,
        "conditioning": "CA" if tokens else "concat" if ldm.conditioning.kind in CONCATENATED else None,
        "ca_resolutions": attended if tokens else None,
        "embedding_dim": embedding_dim(ldm.conditioning),
        "transformer_depth": unet.transformer_depth or None,
        **_transformer(ldm.conditioning),
    }


def embedding_dim(conditioning: Conditioning) -> int | None:
    """Channels of the tokens that cross-attention sees."""
    if isinstance(conditioning, ClassConditioning):
        return conditioning.dim
    return conditioning.encoder.dim if isinstance(conditioning, TextConditioning | LayoutConditioning) else None


def _transformer(conditioning: Conditioning) -> Settings:
    """Table 17: the transformer that reads a caption or a layout."""
    if isinstance(conditioning, TextConditioning):
        layers = conditioning.encoder.layers if conditioning.encoder.kind == "trained" else None
        return {"seq_length": conditioning.max_length, "depth_N": layers, "dim": conditioning.encoder.dim}
    if isinstance(conditioning, LayoutConditioning):
        length = 3 * conditioning.max_objects + 2  # three tokens per box, two for the crop
        return {"seq_length": length, "depth_N": conditioning.encoder.layers, "dim": conditioning.encoder.dim}
    return {"seq_length": None, "depth_N": None, "dim": None}


def _ratio(channels: int, width: int) -> int | float:
    return channels // width if channels % width == 0 else round(channels / width, 3)
