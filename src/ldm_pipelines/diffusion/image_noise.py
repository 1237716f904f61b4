"""Noise that belongs to an image, whatever batch it is drawn in."""

from collections.abc import Sequence

import torch
from torch import Tensor


class ImageNoise:
    """Gaussian noise with one generator per image, on the CPU: a batch's neighbours and the device change nothing."""

    def __init__(self, seeds: Sequence[int], shape: tuple[int, int, int], device: str) -> None:
        self.generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        self._shape, self._device = shape, device

    def __call__(self) -> Tensor:
        """The next draw (b, c, h, w)."""
        return torch.stack([torch.randn(self._shape, generator=g) for g in self.generators]).to(self._device)
