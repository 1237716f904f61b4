"""Random weights in the formats of published files: what the real ones can't be in a test."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from ldm_pipelines.digests import digest_file
from ldm_pipelines.feature_networks.published_files import PublishedFile


def published(file: PublishedFile, folder: Path) -> PublishedFile:
    """``file`` with the digest of what lies in ``folder`` under its name."""
    return replace(file, sha256=digest_file(folder / file.name))


def write_inception(path: Path) -> None:
    """The state dict of Inception-v3 with 1008 classes: the names and shapes of the published file."""
    with torch.device("meta"):
        network = torchvision.models.inception_v3(num_classes=1008, aux_logits=False, weights=None, init_weights=False)
    generator = torch.Generator().manual_seed(0)
    state = {}
    for name, like in network.state_dict().items():
        if name.endswith("num_batches_tracked"):
            continue  # converted from TensorFlow, which doesn't count
        noise = torch.randn(like.shape, generator=generator)
        if like.ndim > 1:
            state[name] = noise * (2 / like[0].numel()) ** 0.5
        else:  # scales and variances around 1, shifts and means around 0
            state[name] = 0.1 * noise + float(name.endswith(("bn.weight", "running_var")))
    torch.save(state, path)


class Script(nn.Module):
    """What clean-fid calls of NVIDIA's TorchScript network: ``layers`` on 299 x 299 pixels, or all from any size."""

    def __init__(self, layers: nn.Module) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, img: Tensor, return_features: bool = False) -> Tensor:
        height, width = img.shape[2], img.shape[3]
        theta = torch.eye(2, 3).to(img.device)
        theta[0, 2] += 1 / width - 1 / 299  # TensorFlow 1 takes the corners of pixels for their centres
        theta[1, 2] += 1 / height - 1 / 299
        grid = F.affine_grid(theta.unsqueeze(0).repeat(len(img), 1, 1), [len(img), 3, 299, 299], align_corners=False)
        x = F.grid_sample(img.float(), grid, mode="bilinear", padding_mode="border", align_corners=False)
        features: Tensor = self.layers((x - 128) / 128)
        return features


def write_torchscript(path: Path, state_dict: Path) -> None:
    """The network of ``state_dict`` as TorchScript."""
    from torch_fidelity import FeatureExtractorInceptionV3

    parts = FeatureExtractorInceptionV3("network", ["2048"], str(state_dict))
    layers = nn.Sequential(*list(parts.children())[:-1], nn.Flatten())  # all but the classes
    traced = torch.jit.trace(layers, torch.zeros(2, 3, 299, 299), check_trace=False)
    torch.jit.script(Script(traced)).save(str(path))


BUILDERS: dict[str, Callable[..., nn.Module]] = {
    "vgg": torchvision.models.vgg16,
    "alex": torchvision.models.alexnet,
}


def write_backbone(net: str, path: Path) -> None:
    """A state dict of torchvision's; rows of the dense layers repeat, which the file needs to hold only once."""
    generator = torch.Generator().manual_seed(0)
    with torch.device("meta"):
        shapes = {name: tensor.shape for name, tensor in BUILDERS[net]().state_dict().items()}
    state = {}
    for name, shape in shapes.items():
        if name.endswith("bias"):
            state[name] = torch.randn(shape, generator=generator) * 0.1
        elif name.startswith("features"):
            state[name] = torch.randn(shape, generator=generator) * (2 / shape[1:].numel()) ** 0.5
        else:
            state[name] = (torch.randn(shape[1:], generator=generator) * (2 / shape[1]) ** 0.5).expand(shape)
    torch.save(state, path)
