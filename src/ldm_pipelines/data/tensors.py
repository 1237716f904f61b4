"""Between stored pixels and the tensors that networks see."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def to_tensor(pixels: NDArray[np.uint8]) -> Tensor:
    """uint8 ``(b, h, w, 3)`` to float32 ``(b, 3, h, w)`` in [-1, 1]: ``x = v / 127.5 - 1``."""
    x = torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2)
    return x.to(torch.float32).div(127.5).sub(1.0).contiguous()


def to_pixels(x: Tensor) -> NDArray[np.uint8]:
    """``(b, 3, h, w)``, clamped to [-1, 1], to uint8 ``(b, h, w, 3)``. Undoes ``to_tensor`` exactly."""
    levels = x.detach().to("cpu", torch.float32).clamp(-1.0, 1.0).add(1.0).mul(127.5).round()
    return levels.to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()
