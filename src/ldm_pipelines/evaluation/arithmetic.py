"""How numbers are computed on a GPU: float32 as it is, whatever a program allows."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

FLOAT32 = "float32, TF32 off"
"""For a result's protocol."""


@contextmanager
def exact_float32() -> Iterator[None]:
    """Products and convolutions without TF32 or bfloat16, which keep 10 and 7 of float32's 23 bits.

    PyTorch lets convolutions use TF32 unless told otherwise, so that features would depend on the kind of GPU by some
    1e-3. On the CPU nothing changes.
    """
    convolutions, products = torch.backends.cudnn.allow_tf32, torch.get_float32_matmul_precision()
    torch.backends.cudnn.allow_tf32 = False
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = convolutions
        torch.set_float32_matmul_precision(products)
