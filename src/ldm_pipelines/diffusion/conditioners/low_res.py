"""Low-resolution images."""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from torch.nn import functional

from ldm_pipelines.data.degradations import degrade
from ldm_pipelines.data.prepared import ImageSplit
from ldm_pipelines.data.randomness import image_generator
from ldm_pipelines.data.share import WHOLE, Share
from ldm_pipelines.data.spec import Degradation
from ldm_pipelines.data.tensors import to_pixels, to_tensor
from ldm_pipelines.diffusion.conditioners.conditioner import Condition, Conditioner, Raw, Reader, Surroundings
from ldm_pipelines.diffusion.conditioners.kept_images import MEMORY, KeptImages
from ldm_pipelines.diffusion.conditioners.pictures import enlarge
from ldm_pipelines.diffusion.conditioning_spec import LowResConditioning
from ldm_pipelines.errors import InputError


class LowResConditioner(Conditioner):
    """The low-resolution image as it is, concatenated to the latent (Sec. 4.4; released: ``Identity``).

    Raw: ``low_res`` (b, 3, h, w) in [-1, 1]. In the paper it has the latent's size (x4, f = 4); where a first stage
    shrinks less than the degradation, it is enlarged (bicubic) by the whole number between the two.
    """

    kind = "low_res"
    reads_images = True
    forms = {"low_res": "b, 3, h, w"}
    concat_channels = 3

    def __init__(self, degradation: Degradation | dict[str, Any], enlargement: int = 1) -> None:
        super().__init__()
        self.degradation = Degradation.model_validate(degradation)
        self.enlargement = enlargement

    @classmethod
    def build(cls, spec: LowResConditioning, surroundings: Surroundings) -> Self:
        enlargement, rest = divmod(spec.degradation.factor, surroundings.factor)
        if rest:
            raise InputError(
                f"conditioning.degradation.factor is {spec.degradation.factor}, but the first stage shrinks images by "
                f"{surroundings.factor}: the low-resolution image must fit the latent's size a whole number of times"
            )
        return cls(spec.degradation, enlargement)

    def config(self) -> dict[str, Any]:
        return {"degradation": self.degradation.model_dump(mode="json"), "enlargement": self.enlargement}

    def forward(self, raw: Raw) -> Condition:
        low_res = raw["low_res"]
        if self.enlargement == 1:
            return {"concat": low_res}
        return {"concat": functional.interpolate(low_res, scale_factor=self.enlargement, mode="bicubic")}

    def reader(self, split: ImageSplit) -> Reader:
        return _Degraded(split, self.degradation)

    def latent_size(self, raw: Raw) -> tuple[int, int]:
        height, width = raw["low_res"].shape[2:]
        return height * self.enlargement, width * self.enlargement

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
        self._blank = np.zeros((split.image_size, split.image_size, 3), dtype=np.uint8)

    def read(self, indices: NDArray[np.integer], rng: np.random.Generator | None, share: Share = WHOLE) -> Raw:
        if rng is None or not self._draws_something:
            return {"low_res": to_tensor(self._fixed.read(share.take(indices)))}
        mine = share.rows(len(indices))
        # what is drawn depends on an image's size alone, so a blank one stands for those that others read before ours
        drawn = [
            degrade(self._pixels[int(index)] if row in mine else self._blank, self._degradation, rng)
            for row, index in enumerate(indices[: mine.stop])
        ]
        return {"low_res": to_tensor(np.stack(drawn[mine.start :]))}

    def _fixed_degradation(self, index: int) -> NDArray[np.uint8]:
        generator = image_generator("low_res", self._ids[index])
        return degrade(self._pixels[index], self._degradation, generator)
