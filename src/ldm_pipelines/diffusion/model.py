"""A trained latent diffusion model: the artefact of ``train_diffusion``."""

from pathlib import Path
from typing import Any, Self

from diffusers import DDIMScheduler
from torch import Tensor, nn

from ldm_pipelines.diffusion.conditioners.conditioner import Condition, Conditioner
from ldm_pipelines.diffusion.conditioners.registry import load_conditioner
from ldm_pipelines.diffusion.denoiser import denoise, load_denoiser
from ldm_pipelines.diffusion.schedule import alpha_bar, noise_in
from ldm_pipelines.digests import digest_folder
from ldm_pipelines.errors import InputError
from ldm_pipelines.spec import Spec


class ModelInfo(Spec):
    """Contents of ``config.json``."""

    name: str
    latent: str | None
    """The latent cache it was trained on; null for imported models."""
    latent_shape: tuple[int, int, int]
    factor: int
    scale_factor: float
    """Multiplies latents before diffusion."""
    dataset: str | None
    """The dataset it was trained on; null where that is not known."""
    conditioning: dict[str, Any]
    """The parameters of its conditioning, ``kind`` first among them."""
    classes: tuple[str, ...]
    autoencoder: str
    autoencoder_digest: str
    """The first stage whose latents the model knows; sampling with another is refused."""


class LatentDiffusionModel:
    """Denoiser, conditioner and noise schedule; each in a folder that diffusers' ``from_pretrained`` reads."""

    def __init__(
        self, info: ModelInfo, denoiser: nn.Module, conditioner: Conditioner, scheduler: DDIMScheduler
    ) -> None:
        self.info = info
        self.denoiser: Any = denoiser
        self.conditioner = conditioner
        self.scheduler = scheduler

    def to(self, device: str) -> Self:
        self.denoiser.to(device)
        self.conditioner.to(device)
        self.scheduler.alphas_cumprod = self.scheduler.alphas_cumprod.to(device)
        return self

    def noise_in(self, x: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """The noise eps (b, c, h, w) in x (b, c, h, w) at the time steps t, (b,) or a scalar, under a condition."""
        output = denoise(self.denoiser, x, t, condition)
        alpha = alpha_bar(self.scheduler.alphas_cumprod, t)
        return noise_in(self.scheduler.config.prediction_type, output, x, alpha)

    def check_first_stage(self, folder: Path) -> None:
        """Raises ``InputError`` for another first stage than the one whose latents the model knows."""
        digest, known = digest_folder(folder), self.info.autoencoder_digest
        if digest != known:
            raise InputError(
                f"{folder} is not the first stage that {self.info.name!r} was trained with (digest {digest[:12]}, "
                f"expected {known[:12]}); train the model again"
            )

    def save(self, folder: Path) -> None:
        self.denoiser.save_pretrained(folder / "denoiser")
        self.conditioner.save(folder / "conditioner")
        self.scheduler.save_pretrained(folder / "scheduler")
        (folder / "config.json").write_text(self.info.model_dump_json(indent=2) + "\n")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The model in ``folder``, in evaluation mode.

        Raises:
            InputError: ``folder`` is not a complete model.
        """
        if not (folder / "config.json").exists():
            raise InputError(f"{folder} is not a latent diffusion model: config.json is missing")
        return cls(
            ModelInfo.model_validate_json((folder / "config.json").read_text()),
            load_denoiser(folder / "denoiser").eval(),
            load_conditioner(folder / "conditioner"),
            DDIMScheduler.from_pretrained(folder / "scheduler", local_files_only=True),
        )
