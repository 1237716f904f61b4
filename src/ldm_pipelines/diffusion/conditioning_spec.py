"""Parameters of the conditionings (Sec. 3.3, Sec. 4.3 and the released configs), one class per kind."""

from typing import Annotated, Literal

from pydantic import Field

from ldm_pipelines.data.spec import Degradation, Masks
from ldm_pipelines.spec import NonNegativeInt, PositiveInt, Probability, Spec


class NoConditioning(Spec):
    """An unconditional model."""

    kind: Literal["none"]


class ClassConditioning(Spec):
    """A learned class embedding, one token of cross-attention; the last class is the null class of guidance."""

    kind: Literal["class"]
    dim: PositiveInt
    null_probability: Probability
    """How often training replaces the class by the null class (released later code: 0.1)."""


class WordPieceTokenizer(Spec):
    """Fitted on the training captions; lower-cased."""

    kind: Literal["wordpiece"]
    vocab_size: PositiveInt
    """Upper bound of the vocabulary, special tokens included."""


class PretrainedTokenizer(Spec):
    """A tokenizer of transformers: a local folder, or a name on the hub (the paper's: bert-base-uncased)."""

    kind: Literal["pretrained"]
    name: str


class TrainedTransformer(Spec):
    """The text or layout transformer of the paper, trained jointly with the denoiser: pre-LN, GELU x4, no mask."""

    kind: Literal["trained"]
    layers: PositiveInt
    dim: PositiveInt
    heads: PositiveInt
    head_channels: PositiveInt


class PretrainedTextEncoder(Spec):
    """A frozen CLIP or T5 text encoder of transformers: a local folder, or a name on the hub."""

    kind: Literal["pretrained"]
    name: str
    dim: PositiveInt
    """Channels of its tokens, checked when it is loaded."""


class TextConditioning(Spec):
    """Captions, tokenised and encoded, through cross-attention; the empty caption is the null of guidance."""

    kind: Literal["text"]
    tokenizer: Annotated[WordPieceTokenizer | PretrainedTokenizer, Field(discriminator="kind")]
    encoder: Annotated[TrainedTransformer | PretrainedTextEncoder, Field(discriminator="kind")]
    max_length: PositiveInt
    """Tokens per caption: longer ones are cut, shorter ones padded (released: 77)."""
    null_probability: Probability


class LayoutConditioning(Spec):
    """Bounding boxes as tokens (class, top-left, bottom-right), a transformer, cross-attention (Sec. 4.3.1, Table 17).

    Coordinates and classes share one vocabulary, as released: floor(sqrt(vocab_size)) sections per side.
    """

    kind: Literal["layout"]
    vocab_size: PositiveInt
    max_objects: PositiveInt
    """3 tokens each, and 2 for the crop (released: 30, so 92 tokens)."""
    encoder: TrainedTransformer
    null_probability: Probability


class SemanticConditioning(Spec):
    """A one-hot map, halved ``stages`` times (bilinear), mapped to ``channels`` by a trained 1x1 convolution."""

    kind: Literal["semantic"]
    stages: NonNegativeInt
    channels: PositiveInt


class LowResConditioning(Spec):
    """The degraded image in [-1, 1], concatenated as it is (Sec. 4.4)."""

    kind: Literal["low_res"]
    degradation: Degradation


class InpaintingConditioning(Spec):
    """The masked image through the frozen first stage, and the mask, concatenated (Sec. 4.5)."""

    kind: Literal["inpainting"]
    masks: Masks


Conditioning = Annotated[
    NoConditioning
    | ClassConditioning
    | TextConditioning
    | LayoutConditioning
    | SemanticConditioning
    | LowResConditioning
    | InpaintingConditioning,
    Field(discriminator="kind"),
]
CONCATENATED = ("semantic", "low_res", "inpainting")
"""Kinds whose condition has a place in the image, and is free in size when sampled."""
TOKENISED = ("class", "text", "layout")
"""Kinds that speak through cross-attention."""
