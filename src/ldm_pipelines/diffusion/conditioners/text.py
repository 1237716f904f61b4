"""Captions."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from diffusers.pipelines.latent_diffusion.pipeline_latent_diffusion import LDMBertModel
from numpy.typing import NDArray
from torch import Tensor

from ldm_pipelines.data.prepared import ImageSplit
from ldm_pipelines.data.share import WHOLE, Share
from ldm_pipelines.diffusion.conditioners.conditioner import Condition, Conditioner, Raw, Reader, Surroundings
from ldm_pipelines.diffusion.conditioners.pictures import draw_caption
from ldm_pipelines.diffusion.conditioners.text_encoder import (
    load_text_encoder,
    pretrained_text_encoder,
    save_text_encoder,
)
from ldm_pipelines.diffusion.conditioners.tokenizer import fit_wordpiece, pretrained_tokenizer, save_tokenizer
from ldm_pipelines.diffusion.conditioners.transformer import new_transformer
from ldm_pipelines.diffusion.conditioning_spec import TextConditioning
from ldm_pipelines.errors import InputError


class TextConditioner(Conditioner):
    """Captions through a tokenizer and a transformer (Sec. 4.3.1; released: ``BERTEmbedder``).

    Raw: ``tokens`` (b, max_length), padded. No mask hides the padding, as released: the model reads it as the caption's
    end. The transformer is diffusers' ``LDMBertModel``, trained jointly, or a pretrained encoder, which stays frozen.
    """

    kind = "text"
    forms = {"tokens": "b, n"}

    def __init__(self, tokenizer: Any, transformer: Any, max_length: int) -> None:
        """``tokenizer`` and ``transformer`` as transformers has them; see ``transformer.new_transformer``."""
        super().__init__()
        self.tokenizer, self.transformer, self.max_length = tokenizer, transformer, max_length
        self.context_dim = int(transformer.config.hidden_size)
        self.frozen = not isinstance(transformer, LDMBertModel)
        if self.frozen:
            transformer.eval().requires_grad_(False)

    @classmethod
    def build(cls, spec: TextConditioning, surroundings: Surroundings) -> Self:
        if not surroundings.captions:
            raise InputError("text conditioning needs captions; the dataset has none")
        if spec.tokenizer.kind == "wordpiece":
            tokenizer = fit_wordpiece(surroundings.captions, spec.tokenizer.vocab_size)
        else:
            tokenizer = pretrained_tokenizer(spec.tokenizer.name)
        if spec.encoder.kind == "trained":
            transformer = new_transformer(spec.encoder, len(tokenizer), spec.max_length)
        else:
            transformer = pretrained_text_encoder(spec.encoder, len(tokenizer), spec.max_length)
        return cls(tokenizer, transformer, spec.max_length)

    def config(self) -> dict[str, Any]:
        return {"max_length": self.max_length}

    def train(self, mode: bool = True) -> Self:
        """A frozen encoder never leaves evaluation mode."""
        super().train(mode)
        if self.frozen:
            self.transformer.eval()
        return self

    def tokenise(self, captions: Sequence[str]) -> Tensor:
        """int64 (n, max_length): longer captions are cut, shorter ones padded."""
        arguments = {"padding": "max_length", "truncation": True, "max_length": self.max_length}
        return torch.tensor(self.tokenizer(list(captions), **arguments)["input_ids"], dtype=torch.int64)

    def forward(self, raw: Raw) -> Condition:
        return {"crossattn": self.transformer(raw["tokens"], return_dict=False)[0]}

    def blank(self, raw: Raw) -> Raw:
        """The empty caption."""
        return {"tokens": self.tokenise([""]).to(raw["tokens"].device).expand_as(raw["tokens"])}

    def reader(self, split: ImageSplit) -> Reader:
        if split.captions is None:
            raise InputError("text conditioning needs captions; the dataset has none")
        return _Tokens(self.tokenise(split.captions))

    def picture(self, raw: Raw, size: tuple[int, int]) -> NDArray[np.uint8]:
        captions = [self.tokenizer.decode(tokens, skip_special_tokens=True) for tokens in raw["tokens"].tolist()]
        return np.stack([draw_caption(caption, size) for caption in captions])

    def save(self, folder: Path) -> None:
        """``config.json``, and tokenizer and transformer in folders that ``from_pretrained`` reads without network."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.json").write_text(json.dumps({"kind": self.kind, **self.config()}, indent=2) + "\n")
        save_tokenizer(self.tokenizer, folder / "tokenizer")
        save_text_encoder(self.transformer, folder / "transformer")

    @classmethod
    def load(cls, folder: Path) -> Self:
        config = json.loads((folder / "config.json").read_text())
        tokenizer = pretrained_tokenizer(str(folder / "tokenizer"))
        return cls(tokenizer, load_text_encoder(folder / "transformer"), config["max_length"])


class _Tokens:
    def __init__(self, tokens: Tensor) -> None:
        self._tokens = tokens

    def read(self, indices: NDArray[np.integer], rng: np.random.Generator | None, share: Share = WHOLE) -> Raw:
        return {"tokens": self._tokens[torch.from_numpy(share.take(indices))]}
