"""What every conditioner is: from raw conditions, as a dataset holds them, to what the denoiser receives."""

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self, TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ldm_pipelines.autoencoders.first_stage import FirstStage
from ldm_pipelines.data.prepared import ImageSplit
from ldm_pipelines.data.share import WHOLE, Share
from ldm_pipelines.errors import InputError
from ldm_pipelines.training.draws import Draws

Raw = dict[str, Tensor]
"""Conditions as read, a batch of each: labels, token ids, maps, images. The first dimension is the batch."""


class Condition(TypedDict, total=False):
    """What a denoiser receives beside x and t; either part may be absent."""

    crossattn: Tensor
    """Tokens (b, n, dim) for cross-attention."""
    concat: Tensor
    """Channels (b, c, h, w) at the latent's size, concatenated behind it."""


@dataclass(frozen=True)
class Surroundings:
    """What a new conditioner has to know about the data and the latents."""

    latent_shape: tuple[int, int, int]
    """(c, h, w)"""
    factor: int
    """Down-sampling factor of the first stage."""
    classes: Sequence[str] = ()
    captions: Sequence[str] = ()
    """Of the training split: a tokenizer is fitted on them."""
    box_classes: Sequence[str] = ()
    map_classes: Sequence[str] = ()


class Reader(Protocol):
    """Raw conditions of the images of one split."""

    def read(self, indices: NDArray[np.integer], rng: np.random.Generator | None, share: Share = WHOLE) -> Raw:
        """The share's conditions of the batch ``indices``. ``rng`` draws what is random while training (masks,
        degradations, order of boxes); None gives each image its one fixed condition, a function of its id."""
        ...


class Nothing:
    """The reader of models that read nothing from the dataset."""

    def read(self, indices: NDArray[np.integer], rng: np.random.Generator | None, share: Share = WHOLE) -> Raw:
        return {}


class Conditioner(nn.Module, ABC):
    """Turns raw conditions into tokens or channels. Trained jointly with the denoiser where it has parameters."""

    kind: ClassVar[str]
    forms: ClassVar[dict[str, str]] = {}
    """Raw conditions by name, and their dimensions, for example "b, 3, h, w"."""
    reads_images: ClassVar[bool] = False
    """Whether its reader opens the dataset's images."""
    encodes_images: ClassVar[bool] = False
    """Whether it needs the first stage, which ``attach`` lends."""
    context_dim: int = 0
    """Channels of the tokens; 0: there are none."""
    concat_channels: int = 0
    """Channels behind the latent's; 0: there are none."""

    @classmethod
    @abstractmethod
    def build(cls, spec: Any, surroundings: Surroundings) -> Self:
        """A new conditioner, weights from PyTorch's global generator. Raises ``InputError`` where the data lacks
        what the kind needs."""

    @abstractmethod
    def config(self) -> dict[str, Any]:
        """JSON-able arguments of the constructor."""

    @abstractmethod
    def forward(self, raw: Raw) -> Condition:
        """The condition of a batch."""

    def reader(self, split: ImageSplit) -> Reader:
        """Reads this kind's raw conditions of a split."""
        return Nothing()

    def blank(self, raw: Raw) -> Raw:
        """``raw`` with nothing said, for classifier-free guidance.

        Raises:
            InputError: the kind has no null condition.
        """
        raise InputError(f"{self.kind} conditioning has no null condition: guidance_scale must be 1")

    def attach(self, first_stage: FirstStage, scale_factor: float) -> None:
        """Lends the frozen first stage, and what latents are multiplied by, to kinds that encode images.

        Others take no notice.
        """

    def latent_size(self, raw: Raw) -> tuple[int, int] | None:
        """(h, w) of the latents that fit the condition; None: the trained size."""
        return None

    def finish(self, x: Tensor, raw: Raw) -> Tensor:
        """The result, from decoded images x (b, 3, h, w) in [-1, 1]: x itself, but for inpainting."""
        return x

    def picture(self, raw: Raw, size: tuple[int, int]) -> NDArray[np.uint8] | None:
        """The conditions for people: uint8 (b, h, w, 3) at image ``size``; None: nothing to see."""
        return None

    def save(self, folder: Path) -> None:
        """``config.json``, safetensors weights if there are any, and the kind's own files."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.json").write_text(json.dumps({"kind": self.kind, **self.config()}, indent=2) + "\n")
        weights = {name: value.contiguous() for name, value in self.state_dict().items()}
        if weights:
            save_file(weights, folder / "conditioner.safetensors")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """What ``save`` wrote."""
        config = json.loads((folder / "config.json").read_text())
        conditioner = cls(**{key: value for key, value in config.items() if key != "kind"})
        if (folder / "conditioner.safetensors").exists():
            conditioner.load_state_dict(load_file(folder / "conditioner.safetensors"))
        return conditioner

    @property
    def device(self) -> torch.device:
        """Of the parameters, or the CPU without any."""
        return next((p.device for p in self.parameters()), torch.device("cpu"))


def check_classes(known: Sequence[str], found: Sequence[str], what: str) -> None:
    """Refuse a dataset whose classes of ``what`` are not the model's; numbers stand for names that are not known.

    Raises:
        InputError: other names, or another number of them.
    """
    numbered = [str(number) for number in range(len(known))]
    if list(known) == list(found) or (list(known) == numbered and len(found) == len(known)):
        return
    raise InputError(
        f"the model knows {len(known)} classes of {what} ({', '.join(known[:5])} ...), the dataset has {len(found)} "
        f"({', '.join(found[:5])} ...); sample with conditions of a dataset of the same classes"
    )


def drop_some(conditioner: Conditioner, raw: Raw, probability: float, draws: Draws) -> Raw:
    """``raw`` with each image's condition blanked with ``probability``."""
    if probability == 0 or not raw:
        return raw
    count = len(next(iter(raw.values())))
    dropped = draws.uniform(count) < probability
    blank = conditioner.blank(raw)
    return {
        name: torch.where(dropped.to(value.device).view(-1, *[1] * (value.ndim - 1)), blank[name], value)
        for name, value in raw.items()
    }
