"""Images pass through networks in batches of one size, so that no setting of the machine moves a figure.

How a convolution rounds depends on the number of images that it sees at once: with 5 or with 128 of them, float32
features differ by some 1e-6.
"""

from collections.abc import Callable
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from ldm_pipelines.compute import Compute
from ldm_pipelines.evaluation.arithmetic import exact_float32
from ldm_pipelines.evaluation.networks.measuring import MeasuringNetwork, Outputs

BATCH = 64
"""Images at once, always."""

T = TypeVar("T", NDArray[np.uint8], Tensor)


def batches(count: int, compute: Compute, what: str) -> "tqdm[NDArray[np.int64]]":
    """Indices 0 … count - 1 in batches of ``BATCH``, the last with what is left, behind a progress bar."""
    pieces = np.split(np.arange(count), range(BATCH, count, BATCH))
    return tqdm(pieces, desc=f"measure {what}", unit="batch", disable=not compute.progress)


def measure(network: MeasuringNetwork, pixels: NDArray[np.uint8]) -> Outputs:
    """What a network says of b <= ``BATCH`` images (b, h, w, 3), to the last bit whatever b."""
    with exact_float32():
        pool, logits, spatial = network.measure(filled(pixels))
    rows = slice(len(pixels))
    return Outputs(pool[rows], None if logits is None else logits[rows], None if spatial is None else spatial[rows])


def in_full_batches(function: Callable[..., Tensor], *batch: Tensor) -> Tensor:
    """``function`` of tensors (b, ...), b <= ``BATCH``, that it treats image by image: its result (b, ...)."""
    with exact_float32():
        return function(*map(filled, batch))[: len(batch[0])]


def filled(images: T) -> T:
    """``BATCH`` images: these, then copies of the last."""
    missing = BATCH - len(images)
    if not missing:
        return images
    if isinstance(images, Tensor):
        return torch.cat([images, images[-1:].expand(missing, *images.shape[1:])])
    return np.concatenate([images, np.repeat(images[-1:], missing, axis=0)])
