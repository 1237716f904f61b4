import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ldm_pipelines.autoencoders.patch_gan import PatchGAN, check_image_size
from ldm_pipelines.errors import InputError


def test_the_released_layout_has_the_published_receptive_field_and_widths() -> None:
    discriminator = PatchGAN(channels=64, num_layers=3)
    shapes = {name: tuple(p.shape) for name, p in discriminator.named_parameters() if p.ndim == 4}
    assert shapes == {
        "main.0.weight": (64, 3, 4, 4),
        "main.2.weight": (128, 64, 4, 4),
        "main.5.weight": (256, 128, 4, 4),
        "main.8.weight": (512, 256, 4, 4),
        "main.11.weight": (1, 512, 4, 4),
    }
    x = torch.zeros(1, 3, 256, 256, requires_grad=True)
    logits = discriminator.eval()(x)
    assert logits.shape == (1, 1, 30, 30)
    logits[0, 0, 15, 15].backward()
    assert x.grad is not None
    rows = x.grad.abs().sum(dim=(0, 1, 3)).nonzero()
    assert int(rows.max() - rows.min()) + 1 == 70  # "70x70 PatchGAN"


def test_the_width_stops_at_eight_times_the_first() -> None:
    widths = [p.shape[0] for p in PatchGAN(channels=4, num_layers=5).parameters() if p.ndim == 4]
    assert widths == [4, 8, 16, 32, 32, 32, 1]


def test_weights_start_small_and_gains_near_one() -> None:
    torch.manual_seed(0)
    discriminator = PatchGAN(channels=32, num_layers=2)
    assert abs(discriminator.main[5].weight.std().item() - 0.02) < 1e-3
    assert abs(discriminator.main[6].weight.mean().item() - 1) < 0.01
    assert discriminator.main[6].bias.eq(0).all()


@settings(deadline=None, max_examples=8)
@given(num_layers=st.integers(1, 4))
def test_the_smallest_accepted_image_is_the_smallest_that_leaves_a_patch(num_layers: int) -> None:
    discriminator = PatchGAN(channels=2, num_layers=num_layers).eval()
    smallest = 3 * 2**num_layers
    check_image_size(smallest, num_layers, "key")
    assert discriminator(torch.zeros(1, 3, smallest, smallest)).numel() == 1
    with pytest.raises(RuntimeError):
        discriminator(torch.zeros(1, 3, smallest - 1, smallest - 1))
    with pytest.raises(InputError, match=f"key: {num_layers} stride-2 layers need images of at least {smallest}"):
        check_image_size(smallest - 1, num_layers, "key")
