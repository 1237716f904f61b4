"""The discriminator: PatchGAN (Isola et al., 2017) as in taming-transformers' ``NLayerDiscriminator``."""

from torch import Tensor, nn

from ldm_pipelines.errors import InputError
from ldm_pipelines.training.ranks import BatchNorm2d


class PatchGAN(nn.Module):
    """One logit per patch of an image x (b, 3, h, w) in [-1, 1]: (b, 1, h', w').

    ``num_layers`` 4x4 convolutions of stride 2, one of stride 1, and a last one to a single channel; the width
    doubles up to eight times ``channels``. Batch norm on the inner layers, which therefore have no bias. Parameter
    names are the original's (``main.0.weight`` ...).
    """

    def __init__(self, channels: int, num_layers: int, in_channels: int = 3) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(in_channels, channels, 4, stride=2, padding=1), nn.LeakyReLU(0.2, True)]
        width = channels
        for n in range(1, num_layers + 1):
            wider = channels * min(2**n, 8)
            stride = 2 if n < num_layers else 1
            layers += [
                nn.Conv2d(width, wider, 4, stride=stride, padding=1, bias=False),
                BatchNorm2d(wider),
                nn.LeakyReLU(0.2, True),
            ]
            width = wider
        layers.append(nn.Conv2d(width, 1, 4, stride=1, padding=1))
        self.main = nn.Sequential(*layers)
        self.apply(_initialise)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.main(x)
        return logits


def check_image_size(image_size: int, num_layers: int, where: str) -> None:
    """Refuse images of which no patch is left. Raises ``InputError``; ``where`` names the key."""
    smallest = 3 * 2**num_layers
    if image_size < smallest:
        raise InputError(
            f"{where}: {num_layers} stride-2 layers need images of at least {smallest} pixels, the dataset's have "
            f"{image_size}; lower the number of layers"
        )


def _initialise(module: nn.Module) -> None:
    """Weights N(0, 0.02), batch norm gains N(1, 0.02); biases of convolutions stay at PyTorch's default."""
    if isinstance(module, nn.Conv2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)
