"""The first stage of f = 1: no first stage. The diffusion model then works on pixels (LDM-1 of Sec. 4.1)."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

from torch import Tensor, nn


class IdentityModel(nn.Module):
    """Images x (b, 3, h, w) in [-1, 1] are their own latents. Has the parts of diffusers' autoencoders, all idle."""

    def __init__(self) -> None:
        super().__init__()
        self.config = SimpleNamespace(block_out_channels=(3,), latent_channels=3)
        self.encoder = nn.Identity()
        self.quant_conv = nn.Identity()

    def decode(self, z: Tensor, return_dict: bool = False) -> tuple[Tensor]:
        return (z,)

    def save_pretrained(self, folder: Path, **_: Any) -> None:
        """``config.json``; there are no weights."""
        config = {"_class_name": type(self).__name__, "latent_channels": self.config.latent_channels}
        (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")

    @classmethod
    def from_pretrained(cls, folder: Path, **_: Any) -> Self:
        return cls()
