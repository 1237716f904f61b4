"""The UNet of Sec. 3.3, as diffusers builds it."""

from diffusers import UNet2DConditionModel

from ldm_pipelines.diffusion.spec import Denoiser


def build_denoiser(spec: Denoiser, latent_shape: tuple[int, int, int], context_dim: int) -> UNet2DConditionModel:
    """The denoiser for latents (c, h, w) with cross-attention on tokens of ``context_dim`` channels."""
    channels, height, width = latent_shape
    down = tuple("CrossAttnDownBlock2D" if attends else "DownBlock2D" for attends in spec.attention)
    up = tuple("CrossAttnUpBlock2D" if attends else "UpBlock2D" for attends in reversed(spec.attention))
    return UNet2DConditionModel(
        sample_size=height if height == width else (height, width),
        in_channels=channels,
        out_channels=channels,
        block_out_channels=spec.block_out_channels,
        layers_per_block=spec.layers_per_block,
        down_block_types=down,
        up_block_types=up,
        norm_num_groups=spec.norm_num_groups,
        cross_attention_dim=context_dim,
        transformer_layers_per_block=spec.transformer_depth,
        # diffusers calls this "attention_head_dim" but reads it as the number of heads
        attention_head_dim=tuple(max(1, width // spec.head_channels) for width in spec.block_out_channels),
    )
