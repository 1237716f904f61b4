"""Class labels."""

from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ldm_pipelines.data.prepared import ImageSplit
from ldm_pipelines.data.share import WHOLE, Share
from ldm_pipelines.diffusion.conditioners.conditioner import Condition, Conditioner, Raw, Reader, Surroundings
from ldm_pipelines.diffusion.conditioning_spec import ClassConditioning
from ldm_pipelines.errors import InputError


class ClassConditioner(Conditioner):
    """A learned embedding of the class as one token (released code: ``ClassEmbedder``).

    Raw: ``label`` (b,) in 0 .. num_classes; ``num_classes`` is the null class of classifier-free guidance, which some
    released models lack.
    """

    kind = "class"
    forms = {"label": "b"}

    def __init__(self, num_classes: int, dim: int, null_class: bool = True) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.context_dim = dim
        self.null_class = null_class
        self.embedding = nn.Embedding(num_classes + null_class, dim)

    @classmethod
    def build(cls, spec: ClassConditioning, surroundings: Surroundings) -> Self:
        if not surroundings.classes:
            raise InputError("class conditioning needs labels; the dataset has none")
        return cls(len(surroundings.classes), spec.dim)

    def config(self) -> dict[str, Any]:
        return {"num_classes": self.num_classes, "dim": self.context_dim, "null_class": self.null_class}

    def forward(self, raw: Raw) -> Condition:
        return {"crossattn": self.embedding(raw["label"])[:, None]}

    def blank(self, raw: Raw) -> Raw:
        if not self.null_class:
            return super().blank(raw)
        return {"label": torch.full_like(raw["label"], self.num_classes)}

    def reader(self, split: ImageSplit) -> Reader:
        unlabelled = int((split.labels < 0).sum())
        if unlabelled:
            raise InputError(
                f"class conditioning needs a class for every image; {unlabelled} have none "
                "(images outside a class folder, or without a label)"
            )
        return _Labels(torch.from_numpy(split.labels.copy()))


class _Labels:
    def __init__(self, labels: torch.Tensor) -> None:
        self._labels = labels

    def read(self, indices: NDArray[np.integer], rng: np.random.Generator | None, share: Share = WHOLE) -> Raw:
        return {"label": self._labels[torch.from_numpy(share.take(indices))]}
