"""From our artefacts to a folder that plain diffusers loads as a pipeline."""

import warnings
from pathlib import Path
from typing import Any, NamedTuple

import torch
from diffusers import LDMPipeline, LDMSuperResolutionPipeline, LDMTextToImagePipeline, UNet2DModel

from ldm_pipelines.autoencoders.first_stage import FirstStage
from ldm_pipelines.diffusion.conditioners.text import TextConditioner
from ldm_pipelines.diffusion.model import LatentDiffusionModel
from ldm_pipelines.diffusion.unet import HeadsUNet2DModel
from ldm_pipelines.errors import InputError

EXPORTED = {
    "none": "LDMPipeline",
    "text": "LDMTextToImagePipeline",
    "low_res": "LDMSuperResolutionPipeline",
}
"""By kind of conditioning: the class of diffusers that samples it."""
PIPELINE_TOKENS = 77
PIPELINE_FACTOR = 8
"""Written into LDMTextToImagePipeline: captions are padded to 77 tokens, latents are an eighth of the height."""


class Parts(NamedTuple):
    """What a pipeline is made of."""

    model: LatentDiffusionModel
    first_stage: FirstStage
    vqvae: Any
    unet: Any


def export_pipeline(ldm_folder: Path, autoencoder_folder: Path, out_folder: Path) -> Path:
    """Write ``out_folder``, which ``diffusers.DiffusionPipeline.from_pretrained`` loads without this package.

    Unconditional, text and super-resolution models; scale factor and schedule are those of our sampler, so
    the same noise gives the same images (DDIM with steps that divide 1000).

    Raises:
        InputError: diffusers has no pipeline for the model, or none that could say all of it; or the first stage is
            not the model's.
    """
    model = LatentDiffusionModel.load(ldm_folder)
    kind = model.info.conditioning["kind"]
    if kind not in EXPORTED:
        can = ", ".join(f"{ours} ({theirs})" for ours, theirs in EXPORTED.items())
        raise InputError(
            f"{model.info.name!r} has {kind} conditioning, for which diffusers has no latent diffusion pipeline; "
            f"what can be exported: {can}. Its denoiser/ and scheduler/ are diffusers folders by themselves"
        )
    model.check_first_stage(autoencoder_folder)
    if out_folder.exists():
        raise InputError(f"{out_folder} exists already; remove it, or export to another place")
    first_stage = FirstStage.load(autoencoder_folder)
    if first_stage.regulariser == "none":
        raise InputError(f"{model.info.name!r} works on pixels; diffusers' latent pipelines need a first stage")
    parts = Parts(model, first_stage, first_stage.model, _plain_unet(model))
    pipeline = {"none": _unconditional, "text": _text_to_image, "low_res": _super_resolution}[kind](parts)
    pipeline.save_pretrained(out_folder)
    return out_folder


def _unconditional(parts: Parts) -> Any:
    """``LDMPipeline`` divides by ``vqvae.config.scaling_factor``; its latents are square, of ``unet.sample_size``."""
    _, height, width = parts.model.info.latent_shape
    if height != width:
        raise InputError(f"LDMPipeline draws square latents only, {parts.model.info.name!r} has {height} x {width}")
    parts.vqvae.register_to_config(scaling_factor=parts.model.info.scale_factor)
    return LDMPipeline(vqvae=parts.vqvae, unet=parts.unet, scheduler=parts.model.scheduler)


def _text_to_image(parts: Parts) -> Any:
    """``LDMTextToImagePipeline`` divides by ``vqvae.config.scaling_factor``."""
    conditioner, info = parts.model.conditioner, parts.model.info
    if not isinstance(conditioner, TextConditioner):
        raise TypeError(type(conditioner).__name__)
    if conditioner.max_length != PIPELINE_TOKENS:
        raise InputError(
            f"LDMTextToImagePipeline pads captions to {PIPELINE_TOKENS} tokens; {info.name!r} was trained with "
            f"{conditioner.max_length} (conditioning.max_length) and would read them differently"
        )
    parts.vqvae.register_to_config(scaling_factor=info.scale_factor)
    _, height, width = info.latent_shape
    side, rest = divmod(height * PIPELINE_FACTOR, info.factor)
    if height != width or rest:
        raise InputError(f"LDMTextToImagePipeline cannot draw latents of {height} x {width} at factor {info.factor}")
    # By default it draws latents of sample_size * factor / 8: right for factor 8 only, so the size makes up for it.
    # Nothing else reads it.
    parts.unet.register_to_config(sample_size=side)
    return LDMTextToImagePipeline(
        vqvae=parts.vqvae,
        bert=conditioner.transformer,
        tokenizer=conditioner.tokenizer,
        unet=parts.unet,
        scheduler=parts.model.scheduler,
    )


def _super_resolution(parts: Parts) -> Any:
    """``LDMSuperResolutionPipeline`` knows no scale factor, so the first stage itself is rescaled."""
    info = parts.model.info
    enlargement = parts.model.conditioner.config()["enlargement"]
    if enlargement != 1:
        raise InputError(
            f"LDMSuperResolutionPipeline takes low-resolution images of the latent's size; those of {info.name!r} are "
            f"{enlargement} times smaller"
        )
    if 2 * info.latent_shape[0] != parts.unet.config.in_channels:
        raise InputError(
            f"LDMSuperResolutionPipeline takes half of the UNet's channels for the latent; {info.name!r} has "
            f"{info.latent_shape[0]} of {parts.unet.config.in_channels}"
        )
    scale_latents(parts.first_stage, info.scale_factor)
    parts.vqvae.register_to_config(scaling_factor=1.0)
    return LDMSuperResolutionPipeline(vqvae=parts.vqvae, unet=parts.unet, scheduler=parts.model.scheduler)


@torch.no_grad()
def scale_latents(first_stage: FirstStage, scale_factor: float) -> None:
    """Make ``first_stage`` one whose latents are multiplied by ``scale_factor``; reconstructions stay the same."""
    model = first_stage.model
    channels = first_stage.latent_channels
    model.quant_conv.weight[:channels] *= scale_factor
    model.quant_conv.bias[:channels] *= scale_factor
    if first_stage.regulariser == "kl":
        model.quant_conv.bias[channels:] += 2 * torch.tensor(scale_factor).log()  # the other half is log-variances
    else:
        model.quantize.embedding.weight *= scale_factor
    model.post_quant_conv.weight /= scale_factor


def _plain_unet(model: LatentDiffusionModel) -> Any:
    """The denoiser as a class of diffusers itself.

    Raises:
        InputError: it has one number of heads at several widths, which ``UNet2DModel`` cannot say.
    """
    unet = model.denoiser
    if not isinstance(unet, HeadsUNet2DModel) or unet.config.num_heads is None:
        return unet
    config = dict(unet.config)
    heads = config.pop("num_heads")
    widths = {
        width
        for width, block in zip(config["block_out_channels"], config["down_block_types"], strict=True)
        if block.startswith("Attn")
    } | {config["block_out_channels"][-1]}
    if len(widths) > 1:
        raise InputError(
            f"{model.info.name!r} has {heads} attention heads at every width ({', '.join(map(str, sorted(widths)))}); "
            "diffusers' UNet2DModel fixes the channels of a head instead, so it cannot hold this model"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # private entries of the configuration
        plain = UNet2DModel.from_config(config | {"attention_head_dim": widths.pop() // heads})
    plain.load_state_dict(unet.state_dict())
    return plain.eval()
