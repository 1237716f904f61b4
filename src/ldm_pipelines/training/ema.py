"""Exponential moving average of weights (released code: ``ldm/modules/ema.py``)."""

import copy
from collections.abc import Iterable

import torch
from torch import Tensor, nn


class EMA(nn.Module):
    """Averaged copy of ``model``; the decay warms up as min(decay, (1 + n) / (10 + n)), n counting updates.

    The average lives in ``averaged`` (evaluation mode, no gradients). One update is a single fused ``lerp`` over all
    parameters.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        super().__init__()
        self.decay = decay
        self.averaged = copy.deepcopy(model).eval().requires_grad_(False)
        self.register_buffer("updates", torch.zeros((), dtype=torch.long))
        self._count: int | None = None
        self.updates: Tensor

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Move the average towards ``model``'s weights; buffers are copied."""
        if self._count is None:
            self._count = int(self.updates.item())
        self._count += 1
        self.updates += 1
        weight = 1 - min(self.decay, (1 + self._count) / (10 + self._count))
        torch._foreach_lerp_(_data(self.averaged.parameters()), _data(model.parameters()), weight)
        for ours, theirs in zip(self.averaged.buffers(), model.buffers(), strict=True):
            ours.copy_(theirs)

    def _load_from_state_dict(self, *args: object, **kwargs: object) -> None:
        self._count = None
        super()._load_from_state_dict(*args, **kwargs)


def _data(parameters: Iterable[nn.Parameter]) -> list[Tensor]:
    return [parameter.data for parameter in parameters]
