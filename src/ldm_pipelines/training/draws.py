"""Random numbers of a training step."""

import torch
from torch import Tensor

from ldm_pipelines.data.share import WHOLE, Share


class Draws:
    """Numbers with a row for each item, drawn for the whole batch; a process that has a share of it gets its rows."""

    def __init__(self, generator: torch.Generator, share: Share = WHOLE) -> None:
        """They lie on the generator's device."""
        self._generator, self._share = generator, share

    def normal(self, count: int, *shape: int) -> Tensor:
        """N(0, 1), (count, *shape)."""
        size = (self._share.whole(count), *shape)
        return self._share.take(torch.randn(size, generator=self._generator, device=self._generator.device))

    def uniform(self, count: int) -> Tensor:
        """U[0, 1), (count,)."""
        size = self._share.whole(count)
        return self._share.take(torch.rand(size, generator=self._generator, device=self._generator.device))

    def integers(self, below: int, count: int) -> Tensor:
        """0 .. below - 1, each as likely, (count,)."""
        size = (self._share.whole(count),)
        return self._share.take(torch.randint(below, size, generator=self._generator, device=self._generator.device))
