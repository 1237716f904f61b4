"""Images under given conditions, from a model and its first stage: what every use of a trained model goes through."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ldm_pipelines.autoencoders.first_stage import FirstStage
from ldm_pipelines.data.tensors import to_pixels
from ldm_pipelines.diffusion.conditioners.conditioner import Raw
from ldm_pipelines.diffusion.image_noise import ImageNoise
from ldm_pipelines.diffusion.latent_classifier import LatentClassifierNetwork
from ldm_pipelines.diffusion.model import LatentDiffusionModel
from ldm_pipelines.errors import InputError
from ldm_pipelines.sampling.ddim_steps import check_steps
from ldm_pipelines.sampling.guidance import Denoise, classifier_free, classifier_guided, conditioned, image_guided
from ldm_pipelines.sampling.samplers import trajectory
from ldm_pipelines.sampling.schedulers import build_scheduler
from ldm_pipelines.sampling.spec import Samples
from ldm_pipelines.seeding import derive_seed


def under_condition(model: LatentDiffusionModel, raw: Raw, guidance_scale: float) -> Denoise:
    """The model's denoiser under the conditions ``raw`` (on the model's device), with classifier-free guidance.

    Raises:
        InputError: guidance by a null condition that the model lacks, or never learnt.
    """
    condition = model.conditioner(raw)
    if guidance_scale == 1:
        return conditioned(model.noise_in, condition)
    blank = model.conditioner.blank(raw)
    if model.info.conditioning.get("null_probability") == 0:
        raise InputError(f"guidance_scale must be 1: {model.info.name!r} never learnt its null condition")
    return classifier_free(model.noise_in, condition, model.conditioner(blank), guidance_scale)


def latent_shape(model: LatentDiffusionModel, raw: Raw) -> tuple[int, int, int]:
    """(c, h, w) of the latents that fit the conditions ``raw``: the trained shape unless they have a place."""
    channels, *trained = model.info.latent_shape
    height, width = model.conditioner.latent_size(raw) or trained
    return channels, height, width


def image_noise(seed: int, indices: Sequence[int], shape: tuple[int, int, int], device: str) -> ImageNoise:
    """The noise of the images with these numbers."""
    return ImageNoise([derive_seed(seed, "image", index) for index in indices], shape, device)


class Drawer:
    """Draws the images of a sample set."""

    def __init__(
        self,
        model: LatentDiffusionModel,
        first_stage: FirstStage,
        spec: Samples,
        seed: int,
        classifier: LatentClassifierNetwork | None = None,
    ) -> None:
        """``classifier``: where ``spec`` has classifier guidance. Everything lies on one device.

        Raises:
            InputError: the sampler or a guidance does not fit the model.
        """
        check_steps(spec.sampler, model.scheduler.config.num_train_timesteps)
        build_scheduler(spec.sampler, model.scheduler)  # names and arguments are checked before anything is drawn
        if classifier:
            classifier.check_guides(model)
        if spec.image_guidance and model.conditioner.kind != "low_res":
            raise InputError(
                f"samples.{spec.name}.image_guidance needs a low-resolution image to agree with, but the model "
                f"{model.info.name!r} has {model.conditioner.kind} conditioning: null"
            )
        self.model, self.first_stage, self.spec, self.seed, self.classifier = model, first_stage, spec, seed, classifier
        self.device = str(next(model.denoiser.parameters()).device)
        model.denoiser.requires_grad_(False)  # gradients of guidance are of latents alone
        model.conditioner.requires_grad_(False)
        model.conditioner.attach(first_stage.requires_grad_(False), model.info.scale_factor)

    @torch.no_grad()
    def __call__(self, indices: NDArray[np.integer], labels: NDArray[np.integer], raw: Raw) -> NDArray[np.uint8]:
        """Pixels (b, h, w, 3) of the images with these numbers, classes (-1: none) and conditions.

        An image is a function of its number, its class, its condition and the seed, not of the batch it is drawn in.
        """
        raw = {name: value.to(self.device) for name, value in raw.items()}
        noise = image_noise(self.seed, indices.tolist(), latent_shape(self.model, raw), self.device)
        *_, z = trajectory(
            self._denoise(raw, torch.as_tensor(labels, device=self.device)),
            noise(), self.model.scheduler, self.spec.sampler, noise,
        )  # fmt: skip
        return to_pixels(self.model.conditioner.finish(self._decode(z), raw))

    def _denoise(self, raw: Raw, labels: Tensor) -> Denoise:
        spec, alphas_cumprod = self.spec, self.model.scheduler.alphas_cumprod
        denoise = under_condition(self.model, raw, spec.guidance_scale)
        if self.classifier and spec.classifier_guidance:
            scale = spec.classifier_guidance.scale
            denoise = classifier_guided(denoise, self.classifier, labels, scale, alphas_cumprod)
        if spec.image_guidance:
            low_res, scale = raw["low_res"], spec.image_guidance.scale
            denoise = image_guided(denoise, self._decode, low_res, scale, alphas_cumprod)
        return denoise

    def _decode(self, z: Tensor) -> Tensor:
        return self.first_stage.decode(z / self.model.info.scale_factor)
