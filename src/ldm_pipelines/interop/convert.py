"""From tensors under their original names to the parameters of a network."""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from ldm_pipelines.errors import InputError
from ldm_pipelines.interop.checkpoint import State, first_dozen

Network = TypeVar("Network", bound=nn.Module)


class Source(NamedTuple):
    """Where a parameter comes from."""

    name: str
    """Of the original tensor, relative to the original module."""
    part: int | None = None
    """0, 1, 2: the query, key or value rows of a fused tensor."""
    heads: int = 1
    """The rows of a fused tensor are ordered (head, query | key | value, channel)."""


def load_original(network: nn.Module, sources: dict[str, Source], state: State, origin: str) -> None:
    """Fill ``network``, possibly on the meta device, with the tensors of ``state``.

    Every parameter has a source, every original tensor is used, every shape fits; floating tensors become float32.

    Raises:
        InputError: missing tensors, left-over tensors, or wrong shapes, each listed.
    """
    wanted = network.state_dict()
    check_names(sources, state, origin)
    converted: State = {}
    misfits = []
    for target, source in sources.items():
        tensor = _take(state[source.name], source, wanted[target].shape)
        if tensor is None:
            need, have = list(wanted[target].shape), list(state[source.name].shape)
            misfits.append(f"{source.name} {have} for {target} {need}")
        else:
            converted[target] = tensor
    if misfits:
        raise InputError(f"{origin} does not fit the architecture, wrong shapes: {first_dozen(misfits)}")
    network.load_state_dict(converted, assign=True)
    network.requires_grad_(False)


def check_names(sources: dict[str, Source], state: State, origin: str) -> None:
    """Refuse missing and left-over tensors."""
    expected = {source.name for source in sources.values()}
    missing = sorted(expected - state.keys())
    left_over = sorted(state.keys() - expected)
    problems = []
    if missing:
        problems.append(f"missing: {first_dozen(missing)}")
    if left_over:
        problems.append(f"left over: {first_dozen(left_over)}")
    if problems:
        raise InputError(f"{origin} does not fit the architecture, {'; '.join(problems)}")


def on_meta(build: Callable[[], Network]) -> Network:
    """A network without memory, whose parameters ``load_original`` then provides."""
    with torch.device("meta"):
        return build()


def _take(tensor: Tensor, source: Source, shape: torch.Size) -> Tensor | None:
    """The tensor in its new shape; None where it does not fit."""
    if tensor.is_floating_point():
        tensor = tensor.float()
    if source.part is not None:
        rows = len(tensor) // 3
        if len(tensor) != 3 * rows or rows % source.heads:
            return None
        by_head = tensor.reshape(source.heads, 3, rows // source.heads, *tensor.shape[1:])
        tensor = by_head[:, source.part].reshape(rows, *tensor.shape[1:])
    squeezed = tensor.shape[: len(shape)]
    if squeezed != shape or any(side != 1 for side in tensor.shape[len(shape) :]):  # only 1x1 kernels may go
        return None
    return tensor.reshape(shape).clone(memory_format=torch.contiguous_format)
