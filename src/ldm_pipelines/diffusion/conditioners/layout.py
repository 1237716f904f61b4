"""Bounding boxes."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from ldm_pipelines.data.prepared import ImageSplit
from ldm_pipelines.data.share import WHOLE, Share
from ldm_pipelines.diffusion.conditioners.conditioner import (
    Condition,
    Conditioner,
    Raw,
    Reader,
    Surroundings,
    check_classes,
)
from ldm_pipelines.diffusion.conditioners.layout_tokens import LayoutTokens
from ldm_pipelines.diffusion.conditioners.pictures import draw_boxes
from ldm_pipelines.diffusion.conditioners.transformer import new_transformer
from ldm_pipelines.diffusion.conditioning_spec import LayoutConditioning, TrainedTransformer
from ldm_pipelines.errors import InputError


class LayoutConditioner(Conditioner):
    """Boxes as tokens through a transformer (released: ``BERTEmbedder`` without a tokenizer).

    Raw: ``tokens`` (b, 3 max_objects + 2).
    """

    kind = "layout"
    forms = {"tokens": "b, n"}

    def __init__(
        self, classes: Sequence[str], vocab_size: int, max_objects: int, encoder: TrainedTransformer | dict[str, Any]
    ) -> None:
        """Raises ``InputError`` where the vocabulary doesn't hold the classes."""
        super().__init__()
        self.classes = list(classes)
        self.encoder = TrainedTransformer.model_validate(encoder)
        self.layout = LayoutTokens(len(self.classes), max_objects, vocab_size)
        self.context_dim = self.encoder.dim
        self.transformer = new_transformer(self.encoder, vocab_size, self.layout.length)

    @classmethod
    def build(cls, spec: LayoutConditioning, surroundings: Surroundings) -> Self:
        if not surroundings.box_classes:
            raise InputError("layout conditioning needs bounding boxes; the dataset has none")
        return cls(surroundings.box_classes, spec.vocab_size, spec.max_objects, spec.encoder)

    def config(self) -> dict[str, Any]:
        return {
            "classes": self.classes,
            "vocab_size": self.layout.vocab_size,
            "max_objects": self.layout.max_objects,
            "encoder": self.encoder.model_dump(mode="json"),
        }

    def forward(self, raw: Raw) -> Condition:
        return {"crossattn": self.transformer(raw["tokens"], return_dict=False)[0]}

    def blank(self, raw: Raw) -> Raw:
        """No object at all, in the whole image."""
        empty = torch.tensor(self.layout.encode([]), device=raw["tokens"].device)
        return {"tokens": empty.expand_as(raw["tokens"])}

    def reader(self, split: ImageSplit) -> Reader:
        split.boxes(0)  # refuses a dataset without boxes
        check_classes(self.classes, split.box_classes, "boxes")
        return _Boxes(split, self.layout)

    def picture(self, raw: Raw, size: tuple[int, int]) -> NDArray[np.uint8]:
        tiles = [self.layout.decode(tokens) for tokens in raw["tokens"].tolist()]
        return np.stack([draw_boxes(boxes, self.classes, size) for boxes in tiles])


class _Boxes:
    def __init__(self, split: ImageSplit, layout: LayoutTokens) -> None:
        self._split, self._layout = split, layout

    def read(self, indices: NDArray[np.integer], rng: np.random.Generator | None, share: Share = WHOLE) -> Raw:
        tokens = [self._layout.encode(self._split.boxes(int(i)), rng) for i in indices]
        return {"tokens": torch.tensor(share.take(tokens))}
