"""What a diffusion model is told: conditioners turn raw conditions into tokens or maps."""

import json
from pathlib import Path
from typing import Self, TypedDict

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn


class Condition(TypedDict, total=False):
    """What a denoiser receives beside x and t."""

    crossattn: Tensor
    """Tokens (b, n, dim) for cross-attention."""


class ClassConditioner(nn.Module):
    """A learned embedding of the class as one token (released code: ``ClassEmbedder``).

    Class ``num_classes`` is the null class of classifier-free guidance.
    """

    def __init__(self, num_classes: int, dim: int) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.dim = dim
        self.embedding = nn.Embedding(num_classes + 1, dim)

    def forward(self, labels: Tensor) -> Condition:
        """Condition of class labels (b,) in 0 .. num_classes, the last one being null."""
        return {"crossattn": self.embedding(labels)[:, None]}

    def null(self, count: int) -> Condition:
        """The condition that says nothing, ``count`` times."""
        labels = torch.full((count,), self.num_classes, device=self.embedding.weight.device)
        return self(labels)

    def drop(self, labels: Tensor, probability: float, generator: torch.Generator) -> Tensor:
        """``labels`` with each replaced by the null class with ``probability``."""
        dropped = torch.rand(labels.shape, generator=generator, device=labels.device) < probability
        return torch.where(dropped, self.num_classes, labels)

    def save(self, folder: Path) -> None:
        """``config.json`` and safetensors weights."""
        folder.mkdir(parents=True, exist_ok=True)
        config = {"kind": "class", "num_classes": self.num_classes, "dim": self.dim}
        (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
        save_file({k: v.contiguous() for k, v in self.state_dict().items()}, folder / "conditioner.safetensors")

    @classmethod
    def load(cls, folder: Path) -> Self:
        config = json.loads((folder / "config.json").read_text())
        conditioner = cls(config["num_classes"], config["dim"])
        conditioner.load_state_dict(load_file(folder / "conditioner.safetensors"))
        return conditioner
