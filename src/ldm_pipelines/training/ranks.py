"""This process among those that train one model together, started by ``torchrun`` (``ldm_pipelines.launch``).

Each has its share of every batch. Losses are means over a batch and shares are equal, so the mean over the processes of
anything that is a mean (losses, their gradients, what is logged) is that of the whole batch. Lightning averages the
gradients; what else needs the whole batch asks here. Alone, nothing is imported or computed.
"""

import os
from typing import Any

import torch
from torch import Tensor, nn

from ldm_pipelines.data.share import WHOLE, Share


def my_share() -> Share:
    """The share of this process: the whole batch where it trains alone."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return WHOLE
    return Share(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]))


def mean_over_ranks(x: Tensor) -> Tensor:
    """The mean of what each process has; ``x`` itself for one that is alone. Gradients flow back to all of them."""
    count = my_share().count
    return x if count == 1 else _Sum.apply(x) / count


def strategy(*, several_losses: bool) -> Any:
    """Lightning's: DDP among several processes, its own choice for one that is alone.

    With ``several_losses`` a backward pass may leave weights out: those that another loss of the step trains, and the
    discriminator's until it joins. Buffers are the same everywhere without being sent.
    """
    if my_share().count == 1:
        return "auto"
    from pytorch_lightning.strategies import DDPStrategy

    return DDPStrategy(find_unused_parameters=several_losses, broadcast_buffers=False)


class _Sum(torch.autograd.Function):
    """The sum over all processes, each of which has an influence on what all of them make of it."""

    @staticmethod
    def forward(context: Any, x: Tensor) -> Tensor:
        total = x.clone(memory_format=torch.contiguous_format)
        torch.distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        return _Sum.forward(context, gradient)


class BatchNorm2d(nn.BatchNorm2d):
    """Batch norm with the statistics of the whole batch. (PyTorch's ``SyncBatchNorm`` needs a GPU.)"""

    def forward(self, x: Tensor) -> Tensor:
        count = my_share().count
        if count == 1 or not self.training:
            return super().forward(x)
        values = x.float()  # statistics are not for mixed precision
        mean = mean_over_ranks(values.mean(dim=(0, 2, 3)))
        centred = values - mean[:, None, None]
        variance = mean_over_ranks(centred.square().mean(dim=(0, 2, 3)))
        elements = count * x.numel() // x.shape[1]
        self._remember(mean.detach(), variance.detach() * elements / (elements - 1))
        scale = self.weight * (variance + self.eps).rsqrt()
        return (centred * scale[:, None, None] + self.bias[:, None, None]).to(x.dtype)

    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        """Move the running statistics, which evaluation uses, as PyTorch does."""
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked.add_(1)
        momentum = self.momentum if self.momentum is not None else 1 / float(self.num_batches_tracked)
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), momentum)
        self.running_var.lerp_(variance.to(self.running_var.dtype), momentum)
