"""A classifier on noisy latents: the artefact of ``train_latent_classifier``."""

import math
from pathlib import Path
from typing import Any, Self

import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ldm_pipelines.diffusion.denoiser import build_denoiser
from ldm_pipelines.diffusion.model import LatentDiffusionModel
from ldm_pipelines.diffusion.schedule import ddim_scheduler
from ldm_pipelines.diffusion.spec import Denoiser, Schedule
from ldm_pipelines.errors import InputError
from ldm_pipelines.spec import Spec

WEIGHTS = "classifier.safetensors"


class ClassifierInfo(Spec):
    """Contents of ``config.json``."""

    name: str
    latent: str
    latent_shape: tuple[int, int, int]
    scale_factor: float
    classes: tuple[str, ...]
    autoencoder_digest: str
    schedule: Schedule
    unet: Denoiser


class AttentionPool(nn.Module):
    """From features (b, c, h, w) to logits (b, classes): the mean asks all places (ADM; CLIP's pooling)."""

    def __init__(self, places: int, channels: int, heads: int, classes: int) -> None:
        super().__init__()
        self.positions = nn.Parameter(torch.randn(places + 1, channels) / math.sqrt(channels))
        self.attention = nn.MultiheadAttention(channels, heads, batch_first=True)
        self.head = nn.Linear(channels, classes)

    def forward(self, features: Tensor) -> Tensor:
        tokens = features.flatten(2).transpose(1, 2)
        tokens = torch.cat([tokens.mean(dim=1, keepdim=True), tokens], dim=1) + self.positions
        pooled, _ = self.attention(tokens[:, :1], tokens, tokens, need_weights=False)
        logits: Tensor = self.head(pooled[:, 0])
        return logits


class LatentClassifierNetwork(nn.Module):
    """log p(class | z_t) up to a constant, by the down-sampling half of a UNet (Dhariwal & Nichol, 2021)."""

    def __init__(self, info: ClassifierInfo) -> None:
        """New weights, from PyTorch's global generator."""
        super().__init__()
        self.info = info
        unet: Any = build_denoiser(info.unet, info.latent_shape, context_dim=0, concat_channels=0)
        self.time_proj, self.time_embedding = unet.time_proj, unet.time_embedding
        self.conv_in, self.down_blocks, self.mid_block = unet.conv_in, unet.down_blocks, unet.mid_block
        width = info.unet.block_out_channels[-1]
        halvings = 2 ** (len(info.unet.block_out_channels) - 1)
        places = math.prod(-(-side // halvings) for side in info.latent_shape[1:])
        self.norm = nn.GroupNorm(info.unet.norm_num_groups, width)
        self.pool = AttentionPool(places, width, info.unet.heads_of(width), len(info.classes))

    def forward(self, z_t: Tensor, t: Tensor) -> Tensor:
        """Logits (b, classes) of noisy latents (b, c, h, w), as the model sees them, at time steps (b,) or a scalar."""
        time = self.time_embedding(self.time_proj(t.to(z_t.device).expand(len(z_t))).to(z_t.dtype))
        features = self.conv_in(z_t)
        for block in self.down_blocks:
            features, _ = block(features, time)
        features = self.mid_block(features, time)
        logits: Tensor = self.pool(nn.functional.silu(self.norm(features)))
        return logits

    def save(self, folder: Path) -> None:
        """``config.json`` and ``classifier.safetensors``."""
        (folder / "config.json").write_text(self.info.model_dump_json(indent=2) + "\n")
        save_file({name: value.detach().cpu().contiguous() for name, value in self.state_dict().items()},
                  folder / WEIGHTS)  # fmt: skip

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The classifier in ``folder``: frozen, in evaluation mode.

        Raises:
            InputError: the folder is not a classifier of noisy latents.
        """
        try:
            network = cls(ClassifierInfo.model_validate_json((folder / "config.json").read_text()))
            network.load_state_dict(load_file(folder / WEIGHTS))
        except (OSError, ValidationError, SafetensorError, RuntimeError) as error:
            raise InputError(f"{folder} is not a finished latent classifier ({error}); run its stage first") from error
        return network.eval().requires_grad_(False)

    def check_guides(self, model: LatentDiffusionModel) -> None:
        """Raises ``InputError`` where the model's noisy latents are not those the classifier was trained on."""
        info, other = self.info, model.info
        if (info.autoencoder_digest, info.scale_factor, info.latent_shape) != (
            other.autoencoder_digest, other.scale_factor, other.latent_shape
        ):  # fmt: skip
            raise InputError(
                f"latent_classifiers.{info.name} was trained on other latents than {other.name!r}: they need the same "
                "latent cache"
            )
        ours, theirs = ddim_scheduler(info.schedule).alphas_cumprod, model.scheduler.alphas_cumprod
        if ours.shape != theirs.shape or not torch.allclose(ours, theirs.cpu(), rtol=1e-5):
            raise InputError(
                f"latent_classifiers.{info.name}.schedule is not that of {other.name!r}: train it with the same one"
            )
