"""Low-resolution images."""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ldm_pipelines.data.degradations import degrade
from ldm_pipelines.data.prepared import ImageSplit
from ldm_pipelines.data.randomness import image_generator
from ldm_pipelines.data.spec import Degradation
from ldm_pipelines.data.tensors import to_pixels, to_tensor
from ldm_pipelines.diffusion.conditioners.conditioner import Condition, Conditioner, Raw, Reader, Surroundings
from ldm_pipelines.diffusion.conditioners.kept_images import MEMORY, KeptImages
from ldm_pipelines.diffusion.conditioners.pictures import enlarge
from ldm_pipelines.diffusion.conditioning_spec import LowResConditioning
from ldm_pipelines.errors import InputError


class LowResConditioner(Conditioner):
    """The low-resolution image as it is, concatenated to the latent (Sec. 4.4; released: ``Identity``).

    Raw: ``low_res`` (b, 3, h, w) in [-1, 1], at the latent's size.
    """

    kind = "low_res"
    concat_channels = 3

    def __init__(self, degradation: Degradation | dict[str, Any]) -> None:
        super().__init__()
        self.degradation = Degradation.model_validate(degradation)

    @classmethod
    def build(cls, spec: LowResConditioning, surroundings: Surroundings) -> Self:
        if spec.degradation.factor != surroundings.factor:
            raise InputError(
                f"conditioning.degradation.factor is {spec.degradation.factor}, but the first stage shrinks images by "
                f"{surroundings.factor}: the low-resolution image must have the latent's size"
            )
        return cls(spec.degradation)

    def config(self) -> dict[str, Any]:
        return {"degradation": self.degradation.model_dump(mode="json")}

    def forward(self, raw: Raw) -> Condition:
        return {"concat": raw["low_res"]}

    def reader(self, split: ImageSplit) -> Reader:
        return _Degraded(split, self.degradation)

    def latent_size(self, raw: Raw) -> tuple[int, int]:
        height, width = raw["low_res"].shape[2:]
        return height, width

    def picture(self, raw: Raw, size: tuple[int, int]) -> NDArray[np.uint8]:
        return np.stack([enlarge(pixels, size) for pixels in to_pixels(raw["low_res"])])


class _Degraded:
    """Bicubic reduction draws nothing, so each image is reduced once; BSR degrades anew at every training read."""

    def __init__(self, split: ImageSplit, degradation: Degradation) -> None:
        self._degradation, self._ids = degradation, split.ids
        self._draws_something = degradation.kind != "bicubic"
        memory = MEMORY if self._draws_something else 0  # a bicubic reduction looks at each image once
        self._pixels = KeptImages(len(split), lambda index: split.pixels(np.array([index]))[0], memory)
        self._fixed = KeptImages(len(split), self._fixed_degradation)

    def read(self, indices: NDArray[np.integer], rng: np.random.Generator | None) -> Raw:
        if rng is None or not self._draws_something:
            return {"low_res": to_tensor(self._fixed.read(indices))}
        drawn = [degrade(self._pixels[int(index)], self._degradation, rng) for index in indices]
        return {"low_res": to_tensor(np.stack(drawn))}

    def _fixed_degradation(self, index: int) -> NDArray[np.uint8]:
        generator = image_generator("low_res", self._ids[index])
        return degrade(self._pixels[index], self._degradation, generator)
