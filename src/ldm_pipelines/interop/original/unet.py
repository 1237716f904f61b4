"""``unet_config.params`` -> ``Denoiser``."""

from dataclasses import dataclass

from ldm_pipelines.diffusion.spec import Denoiser
from ldm_pipelines.interop.original.options import Options


@dataclass(frozen=True)
class OriginalUNet:
    """The denoiser and what its constructor knows about its inputs."""

    denoiser: Denoiser
    in_channels: int
    """Latent and concatenated condition together."""
    out_channels: int
    context_dim: int
    """Channels of the tokens; 0 without cross-attention."""


def read_unet(options: Options) -> OriginalUNet:
    """The original ``UNetModel``'s arguments (``ldm/modules/diffusionmodules/openaimodel.py``).

    ``attention_resolutions`` are down-sampling factors. ``num_head_channels`` wins over ``num_heads``. Dropout and
    checkpointing change nothing in a trained model.

    Raises:
        InputError: an option that our denoiser has no word for.
    """
    options.only("dims", 2)
    options.only("conv_resample", True)
    options.only("num_classes", None)
    options.only("use_new_attention_order", False)
    options.only("n_embed", None)
    options.ignore("image_size", "dropout", "use_checkpoint", "use_fp16", "legacy")
    width = int(options.required("model_channels"))
    multipliers = [int(m) for m in options.get("channel_mult", (1, 2, 4, 8))]
    attending = {int(factor) for factor in options.required("attention_resolutions")}
    head_channels = int(options.get("num_head_channels", -1))
    heads = int(options.get("num_heads", -1))
    options.only("num_heads_upsample", -1, heads)
    transformers = bool(options.get("use_spatial_transformer", False))
    depth = int(options.get("transformer_depth", 1)) if transformers else 0
    context = options.get("context_dim")
    unet = OriginalUNet(
        denoiser=Denoiser(
            block_out_channels=tuple(width * multiplier for multiplier in multipliers),
            layers_per_block=int(options.required("num_res_blocks")),
            attention=tuple(2**level in attending for level in range(len(multipliers))),
            head_channels=head_channels if head_channels != -1 else None,
            heads=heads if head_channels == -1 and heads != -1 else None,
            transformer_depth=depth,
            norm_num_groups=32,
            scale_shift_norm=bool(options.get("use_scale_shift_norm", False)),
            resblock_updown=bool(options.get("resblock_updown", False)),
        ),
        in_channels=int(options.required("in_channels")),
        out_channels=int(options.required("out_channels")),
        context_dim=int(context) if transformers and context is not None else 0,
    )
    options.ignore("transformer_depth")
    options.finish()
    return unet
