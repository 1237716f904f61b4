import numpy as np
import pytest
import torch

from ldm_pipelines.data.tensors import to_pixels, to_tensor

torch.set_num_threads(1)
LEVELS = np.arange(256, dtype=np.uint8).repeat(3).reshape(1, 16, 16, 3)


def test_pixels_span_the_range_from_minus_one_to_one() -> None:
    x = to_tensor(LEVELS)
    assert x.dtype == torch.float32 and x.shape == (1, 3, 16, 16) and x.is_contiguous()
    assert (x.min().item(), x.max().item()) == (-1.0, 1.0)
    torch.testing.assert_close(x[0, 0].flatten(), torch.linspace(-1, 1, 256), atol=1e-6, rtol=0)


def test_channels_stay_channels() -> None:
    red = np.zeros((1, 2, 3, 3), dtype=np.uint8)
    red[..., 0] = 255
    assert to_tensor(red).shape == (1, 3, 2, 3)
    assert to_tensor(red).mean(dim=(0, 2, 3)).tolist() == [1.0, -1.0, -1.0]


def test_every_level_survives_the_round_trip() -> None:
    np.testing.assert_array_equal(to_pixels(to_tensor(LEVELS)), LEVELS)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_values_beyond_the_range_are_clamped(dtype: torch.dtype) -> None:
    x = torch.tensor([-3.0, 0.0, 7.0], dtype=dtype, requires_grad=True).reshape(1, 3, 1, 1)
    assert to_pixels(x).tolist() == [[[[0, 128, 255]]]]
