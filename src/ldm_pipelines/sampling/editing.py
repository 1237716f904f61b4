"""Image-to-image and interpolation: what falls out of an encoder, a sampler and a decoder."""

from collections import deque
from collections.abc import Sequence

import torch
from torch import Tensor

from ldm_pipelines.autoencoders.first_stage import FirstStage
from ldm_pipelines.diffusion.conditioners.conditioner import Raw
from ldm_pipelines.diffusion.image_noise import ImageNoise
from ldm_pipelines.diffusion.model import LatentDiffusionModel
from ldm_pipelines.errors import InputError
from ldm_pipelines.sampling.condition_checks import check_conditions, check_size
from ldm_pipelines.sampling.draw import image_noise, latent_shape, under_condition
from ldm_pipelines.sampling.samplers import trajectory
from ldm_pipelines.sampling.spec import Sampler


class Editor:
    """A model with its first stage and a sampler. Images are (b, 3, h, w) in [-1, 1]; results are not clamped."""

    def __init__(
        self, model: LatentDiffusionModel, first_stage: FirstStage, sampler: Sampler, *, guidance_scale: float = 1.0
    ) -> None:
        """Model and first stage lie on one device; inputs are moved there."""
        self.model, self.first_stage, self.sampler = model, first_stage, sampler
        self.guidance_scale = guidance_scale
        self.device = str(next(model.denoiser.parameters()).device)
        model.conditioner.attach(first_stage, model.info.scale_factor)

    @torch.no_grad()
    def image_to_image(self, images: Tensor, raw: Raw, strength: float, *, seed: int) -> Tensor:
        """Images like ``images`` under the conditions ``raw`` (SDEdit, Meng et al., 2022).

        They are encoded, noised to ``strength`` (0 to 1) of the time steps and denoised from there: 0 gives the
        reconstruction, 1 keeps almost nothing. Image i has the noise of number i under ``seed``.

        Raises:
            InputError: the images are of a size that the model can't draw, or the conditions don't fit them.
        """
        self._check(images, raw)
        origin = self._encode(images)
        noise = self._noise(range(len(images)), seed, origin)
        return self._denoise(noise(), raw, noise, origin, strength)

    @torch.no_grad()
    def interpolate_seeds(self, first: int, last: int, steps: int, raw: Raw, *, seed: int = 0) -> Tensor:
        """``steps`` images (steps, 3, h, w) whose x_T goes from the noise of seed ``first`` to that of seed ``last``.

        Along the great circle (slerp), which keeps the length that Gaussian noise has. ``raw`` is one condition (1, …),
        for all. With a sampler that draws noise on the way, ``seed`` draws the same for all.
        """
        check_conditions(self.model, raw, count=1)
        blank = torch.empty(1, *latent_shape(self.model, raw))
        ends = self._noise([0], first, blank)(), self._noise([0], last, blank)()
        x = torch.cat([slerp(ends[0], ends[1], fraction) for fraction in _fractions(steps)])
        return self._denoise(x, _repeated(raw, steps), self._noise([0] * steps, seed, blank))

    @torch.no_grad()
    def interpolate_images(
        self, first: Tensor, last: Tensor, steps: int, raw: Raw, strength: float, *, seed: int
    ) -> Tensor:
        """``steps`` images (steps, 3, h, w) between two, (1, 3, h, w) each (Ho et al., 2020, Fig. 8).

        Both are encoded and noised to ``strength`` with the same noise, mixed there, and denoised. ``raw`` is one
        condition (1, …), for all. The first and the last result are what ``image_to_image`` makes of the two images.
        """
        if first.shape != last.shape or len(first) != 1:
            raise InputError(
                f"between images of shapes {tuple(first.shape)} and {tuple(last.shape)}: (1, 3, h, w) both"
            )
        self._check(first, raw)
        z_first, z_last = self._encode(first), self._encode(last)
        # noise that is the same on both sides: mixing before noising is mixing after
        origin = torch.cat([torch.lerp(z_first, z_last, fraction) for fraction in _fractions(steps)])
        noise = self._noise([0] * steps, seed, origin)
        return self._denoise(noise(), _repeated(raw, steps), noise, origin, strength)

    def _check(self, images: Tensor, raw: Raw) -> None:
        size = check_size(self.model, (images.shape[-2], images.shape[-1]), "images")
        check_conditions(self.model, raw, count=len(images), image_size=size)

    def _encode(self, images: Tensor) -> Tensor:
        return self.first_stage.encode(images.to(self.device)) * self.model.info.scale_factor

    def _denoise(
        self, x: Tensor, raw: Raw, noise: ImageNoise, origin: Tensor | None = None, strength: float = 1.0
    ) -> Tensor:
        if not 0 <= strength <= 1:
            raise InputError(f"strength = {strength}: from 0 (nothing changes) to 1 (almost everything)")
        raw = {name: value.to(self.device) for name, value in raw.items()}
        denoise = under_condition(self.model, raw, self.guidance_scale)
        states = trajectory(denoise, x, self.model.scheduler, self.sampler, noise, origin=origin, strength=strength)
        last = deque(states, maxlen=1)
        z = last.pop() if last or origin is None else origin  # no step is run where strength is 0
        return self.model.conditioner.finish(self.first_stage.decode(z / self.model.info.scale_factor), raw)

    def _noise(self, indices: Sequence[int], seed: int, like: Tensor) -> ImageNoise:
        channels, height, width = like.shape[1:]
        return image_noise(seed, indices, (channels, height, width), self.device)


def slerp(first: Tensor, last: Tensor, fraction: float) -> Tensor:
    """The point at ``fraction`` (0 to 1) of the way on the great circle from ``first`` to ``last``."""
    cosine = torch.nn.functional.cosine_similarity(first.flatten(), last.flatten(), dim=0)
    angle = torch.arccos(cosine.clamp(-1, 1))
    if angle.sin() < 1e-4:  # the same direction: there is no circle
        return torch.lerp(first, last, fraction)
    return (((1 - fraction) * angle).sin() * first + (fraction * angle).sin() * last) / angle.sin()


def _fractions(steps: int) -> list[float]:
    if steps < 2:
        raise InputError(f"steps = {steps}: an interpolation has two ends, so 2 steps or more")
    return [step / (steps - 1) for step in range(steps)]


def _repeated(raw: Raw, count: int) -> Raw:
    return {name: value.expand(count, *value.shape[1:]) for name, value in raw.items()}
