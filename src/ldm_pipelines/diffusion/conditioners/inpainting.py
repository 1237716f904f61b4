"""Images with a hole."""

from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ldm_pipelines.autoencoders.first_stage import FirstStage
from ldm_pipelines.data.masks import draw_mask
from ldm_pipelines.data.prepared import ImageSplit
from ldm_pipelines.data.randomness import image_generator
from ldm_pipelines.data.share import WHOLE, Share
from ldm_pipelines.data.spec import Masks
from ldm_pipelines.data.tensors import to_pixels, to_tensor
from ldm_pipelines.diffusion.conditioners.conditioner import Condition, Conditioner, Raw, Reader, Surroundings
from ldm_pipelines.diffusion.conditioners.kept_images import KeptImages
from ldm_pipelines.diffusion.conditioners.pictures import hatched
from ldm_pipelines.diffusion.conditioning_spec import InpaintingConditioning


class InpaintingConditioner(Conditioner):
    """Latent of the masked image and the mask, concatenated (Sec. 4.5). Nothing is trained.

    Raw: ``image`` (b, 3, h, w) in [-1, 1]; ``mask`` (b, 1, h, w), 1 in the hole. What the image shows in the hole is
    not looked at. The first stage is lent by ``attach`` and no part of the module: it is neither trained nor saved.
    """

    kind = "inpainting"
    reads_images = True
    encodes_images = True
    forms = {"image": "b, 3, h, w", "mask": "b, 1, h, w"}

    def __init__(self, latent_channels: int, factor: int, masks: Masks | dict[str, Any]) -> None:
        super().__init__()
        self.factor = factor
        self.masks = Masks.model_validate(masks)
        self.concat_channels = latent_channels + 1
        self._lent: tuple[FirstStage, float] | None = None  # a tuple, which nn.Module doesn't take for a submodule

    @classmethod
    def build(cls, spec: InpaintingConditioning, surroundings: Surroundings) -> Self:
        return cls(surroundings.latent_shape[0], surroundings.factor, spec.masks)

    def config(self) -> dict[str, Any]:
        return {
            "latent_channels": self.concat_channels - 1,
            "factor": self.factor,
            "masks": self.masks.model_dump(mode="json"),
        }

    def attach(self, first_stage: FirstStage, scale_factor: float) -> None:
        self._lent = first_stage.eval().requires_grad_(False), scale_factor

    def forward(self, raw: Raw) -> Condition:
        image, mask = raw["image"], raw["mask"]
        # Black holes, as released: 0 in [0, 1], not the 0 of [-1, 1]. The mask itself becomes -1 and 1.
        z = self._encode(torch.where(mask > 0.5, -1.0, image))
        small = functional.interpolate(2 * mask - 1, size=z.shape[-2:], mode="nearest")
        return {"concat": torch.cat([z, small.to(z.dtype)], dim=1)}

    @torch.no_grad()
    def _encode(self, x: Tensor) -> Tensor:
        """Latents at the scale of the denoiser's.

        VQ: before quantisation, KL: the mean, both as released. The mean, because a condition should not be noisy. The
        release leaves the condition unscaled; its models are VQ with a scale of 1, so nothing tells. A KL latent can be
        far from unit scale, so here it is scaled like the latents it lies next to.
        """
        if self._lent is None:
            raise RuntimeError("inpainting conditions need the first stage: call attach first")
        first_stage, scale_factor = self._lent
        first_stage.to(x.device)
        return first_stage.encode(x) * scale_factor

    def reader(self, split: ImageSplit) -> Reader:
        return _Masked(split, self.masks)

    def latent_size(self, raw: Raw) -> tuple[int, int]:
        height, width = raw["image"].shape[2:]
        return height // self.factor, width // self.factor

    def finish(self, x: Tensor, raw: Raw) -> Tensor:
        """x in the hole, the known pixels elsewhere, exactly."""
        return torch.where(raw["mask"] > 0.5, x, raw["image"].to(x.dtype))

    def picture(self, raw: Raw, size: tuple[int, int]) -> NDArray[np.uint8]:
        image = functional.interpolate(raw["image"].cpu(), size=size, mode="nearest")
        hole = functional.interpolate(raw["mask"].cpu(), size=size, mode="nearest")[:, 0].numpy() > 0.5
        return np.stack([hatched(*pair) for pair in zip(to_pixels(image), hole, strict=True)])


class _Masked:
    def __init__(self, split: ImageSplit, masks: Masks) -> None:
        self._ids, self._size, self._masks = split.ids, split.image_size, masks
        self._pixels = KeptImages(len(split), lambda index: split.pixels(np.array([index]))[0])

    def read(self, indices: NDArray[np.integer], rng: np.random.Generator | None, share: Share = WHOLE) -> Raw:
        holes = [draw_mask(self._size, self._masks, rng or image_generator("mask", self._ids[i])) for i in indices]
        mask = torch.from_numpy(np.stack(share.take(holes)).astype(np.float32))[:, None]
        return {"image": to_tensor(self._pixels.read(share.take(indices))), "mask": mask}
