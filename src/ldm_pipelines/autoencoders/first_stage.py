"""The first stage: one interface to ``diffusers``' ``AutoencoderKL`` and ``VQModel``, and to none."""

import json
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

import torch
from diffusers import AutoencoderKL, VQModel
from torch import Tensor, nn

from ldm_pipelines.autoencoders.identity import IdentityModel
from ldm_pipelines.autoencoders.objective import kl_loss, posterior
from ldm_pipelines.autoencoders.spec import Architecture, Autoencoder
from ldm_pipelines.errors import InputError

Regulariser = Literal["kl", "vq", "none"]

MODELS: dict[str, Any] = {"AutoencoderKL": AutoencoderKL, "VQModel": VQModel, "IdentityModel": IdentityModel}
REGULARISERS: dict[str, Regulariser] = {"AutoencoderKL": "kl", "VQModel": "vq", "IdentityModel": "none"}


class Quantised(NamedTuple):
    """Nearest codes of a latent, with straight-through gradient; their loss; their numbers (b, h, w)."""

    z: Tensor
    loss: Tensor
    indices: Tensor


class Reconstruction(NamedTuple):
    """Images (b, 3, h, w), not clamped; the regulariser's loss; the numbers (b, h, w) of the codes in between (VQ)."""

    x: Tensor
    loss: Tensor
    codes: Tensor | None = None


class FirstStage(nn.Module):
    """Encoder and decoder between images x (b, 3, h, w) in [-1, 1] and latents z (b, c, h / f, w / f).

    The artefact is the ``diffusers`` folder, which plain ``from_pretrained`` loads. Nothing here scales latents.
    """

    def __init__(self, model: nn.Module) -> None:
        """``model``: an ``AutoencoderKL``, a ``VQModel`` or an ``IdentityModel``."""
        super().__init__()
        self.regulariser: Regulariser = REGULARISERS[type(model).__name__]
        self.model: Any = model

    @classmethod
    def from_spec(cls, spec: Autoencoder, image_size: int = 32) -> Self:
        """A new model, initialised from PyTorch's global generator; ``image_size`` is only noted in its config."""
        return cls.from_architecture(spec.architecture, image_size, f"autoencoders.{spec.name}.architecture")

    @classmethod
    def from_architecture(cls, architecture: Architecture | None, image_size: int, where: str) -> Self:
        """A new model of an architecture, the identity without one; ``where`` names its key in messages."""
        if architecture is None:
            return cls(IdentityModel())
        channels = architecture.block_out_channels
        if any(width % architecture.norm_num_groups for width in channels):
            raise InputError(
                f"{where}: every one of block_out_channels {list(channels)} must be a "
                f"multiple of norm_num_groups ({architecture.norm_num_groups})"
            )
        attention = architecture.attention or (False,) * len(channels)
        down = tuple("AttnDownEncoderBlock2D" if attends else "DownEncoderBlock2D" for attends in attention)
        up = tuple("AttnUpDecoderBlock2D" if attends else "UpDecoderBlock2D" for attends in reversed(attention))
        arguments: dict[str, Any] = {
            "in_channels": 3,
            "out_channels": 3,
            "block_out_channels": channels,
            "down_block_types": down,  # diffusers' attention here has one head of full width, as released
            "up_block_types": up,
            "layers_per_block": architecture.layers_per_block,
            "latent_channels": architecture.latent_channels,
            "mid_block_add_attention": architecture.mid_attention,
            "norm_num_groups": architecture.norm_num_groups,
            "sample_size": image_size,
            "scaling_factor": 1.0,  # known only after the latents are encoded: it lives in the latent cache
        }
        if architecture.codebook_size is None:
            return cls(MODELS["AutoencoderKL"](**arguments, force_upcast=False))
        return cls(MODELS["VQModel"](**arguments, num_vq_embeddings=architecture.codebook_size))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The model of an artefact folder, in evaluation mode.

        Raises:
            InputError: the folder holds no first stage.
        """
        try:
            name = json.loads((folder / "config.json").read_text())["_class_name"]
            model = MODELS[name].from_pretrained(folder, local_files_only=True, low_cpu_mem_usage=False)
        except (OSError, ValueError, KeyError) as error:
            raise InputError(f"{folder} is not a finished first stage ({error}); run its stage first") from error
        return cls(model).eval()

    def save(self, folder: Path) -> None:
        """Write ``config.json`` and ``diffusion_pytorch_model.safetensors``."""
        self.model.save_pretrained(folder, safe_serialization=True)

    @property
    def factor(self) -> int:
        """Down-sampling factor f."""
        return int(2 ** (len(self.model.config.block_out_channels) - 1))

    @property
    def latent_channels(self) -> int:
        return int(self.model.config.latent_channels)

    @property
    def codebook_size(self) -> int | None:
        """Entries of the codebook; None for KL."""
        return int(self.model.config.num_vq_embeddings) if self.regulariser == "vq" else None

    @property
    def last_weight(self) -> nn.Parameter:
        """The decoder's last convolution, where the adaptive weight is measured."""
        weight: nn.Parameter = self.model.decoder.conv_out.weight
        return weight

    def moments(self, x: Tensor) -> Tensor:
        """KL: (b, 2c, h, w), mean and unclamped log-variance. VQ: (b, c, h, w), z before quantisation. None: x."""
        encoded: Tensor = self.model.quant_conv(self.model.encoder(x))
        return encoded

    def encode(self, x: Tensor) -> Tensor:
        """The latent (b, c, h, w) that stands for x: the posterior's mean (KL), z before quantisation (VQ), or x."""
        moments = self.moments(x)
        return moments.chunk(2, dim=1)[0] if self.regulariser == "kl" else moments

    def decode(self, z: Tensor) -> Tensor:
        """Images from latents; VQ replaces them by their nearest codes first. Not clamped."""
        decoded: Tensor = self.model.decode(z, return_dict=False)[0]
        return decoded

    def quantise(self, z: Tensor) -> Quantised:
        """Nearest codes of z (VQ only); the loss has the released models' weights (see ``reconstruct``)."""
        quantised, loss, (_, _, indices) = self.model.quantize(z)
        return Quantised(quantised, loss, indices.view(len(z), *z.shape[2:]))

    @torch.no_grad()
    def spread_codebook(self, x: Tensor, generator: torch.Generator) -> None:
        """Put the codes on latents of images x, drawn by ``generator`` (CPU); with too few, some codes stay."""
        vectors = self.moments(x).permute(0, 2, 3, 1).flatten(0, 2)
        codes = self.model.quantize.embedding.weight
        drawn = torch.randperm(len(vectors), generator=generator)[: len(codes)].to(vectors.device)
        codes[: len(drawn)] = vectors[drawn]

    def reconstruct(self, x: Tensor, noise: Tensor | None) -> Reconstruction:
        """Reconstruction of x and the regulariser's loss, with one pass through encoder and decoder.

        ``noise`` (b, c, h, w) draws from the KL posterior, None takes its mean. The loss is the KL summed per image
        (KL), or the codebook loss |sg(z_q) - z|^2 + 0.25 |z_q - sg(z)|^2 averaged over elements (VQ; all released
        models put 0.25 on this term, the paper's equation on the other). Without a regulariser it is 0.
        """
        if self.regulariser == "none":
            return Reconstruction(x, x.new_zeros(()))
        moments = self.moments(x)
        if self.regulariser == "vq":
            quantised = self.quantise(moments)
            decoded: Tensor = self.model.decode(quantised.z, force_not_quantize=True, return_dict=False)[0]
            return Reconstruction(decoded, quantised.loss, quantised.indices)
        z = moments.chunk(2, dim=1)[0] if noise is None else sample_posterior(moments, "kl", noise)
        return Reconstruction(self.decode(z), kl_loss(moments))


def sample_posterior(moments: Tensor, regulariser: Regulariser, noise: Tensor) -> Tensor:
    """A latent (b, c, h, w) from raw moments. KL: mean + std * noise, logvar clamped to [-30, 20]; else as it is."""
    if regulariser != "kl":
        return moments
    gaussian = posterior(moments)
    return gaussian.mean + gaussian.std * noise
