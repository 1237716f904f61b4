"""The transformer over text and layout tokens, trained jointly with the denoiser (Sec. 4.3.1, Table 17)."""

from typing import Any

from diffusers.pipelines.latent_diffusion.pipeline_latent_diffusion import LDMBertConfig, LDMBertModel
from torch import nn

from ldm_pipelines.diffusion.conditioning_spec import TrainedTransformer


def new_transformer(spec: TrainedTransformer, vocab_size: int, length: int) -> Any:
    """diffusers' ``LDMBertModel``: token ids (b, n <= length) to a tuple with embeddings (b, n, dim) first.

    Initialised from PyTorch's global generator as the release is: embeddings N(0, 0.02), and PyTorch's default for the
    linear layers. The head for logits, which nothing uses, is there because the released checkpoints have it; it is
    frozen, so that distributed training doesn't wait for its gradient.
    """
    config = LDMBertConfig(
        vocab_size=vocab_size,
        max_position_embeddings=length,
        encoder_layers=spec.layers,
        encoder_ffn_dim=4 * spec.dim,
        encoder_attention_heads=spec.heads,
        head_dim=spec.head_channels,
        d_model=spec.dim,
        dropout=0.0,  # diffusers' default of 0.1 is not the release's
    )
    transformer = LDMBertModel(config)
    for module in transformer.modules():
        if isinstance(module, nn.Linear):
            module.reset_parameters()
    transformer.to_logits.requires_grad_(False)
    return transformer
