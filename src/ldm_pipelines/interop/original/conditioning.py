"""``cond_stage_config`` -> our conditioning."""

from collections.abc import Callable
from typing import Any, NamedTuple

from ldm_pipelines.data.spec import Degradation, Masks
from ldm_pipelines.diffusion.conditioning_spec import (
    ClassConditioning,
    Conditioning,
    InpaintingConditioning,
    LayoutConditioning,
    LowResConditioning,
    NoConditioning,
    PretrainedTokenizer,
    SemanticConditioning,
    TextConditioning,
    TrainedTransformer,
)
from ldm_pipelines.errors import InputError
from ldm_pipelines.interop.original.options import Options, target

UNCONDITIONAL, SHARED_FIRST_STAGE = "__is_unconditional__", "__is_first_stage__"
NULL_PROBABILITY = 0.1
"""How often the condition was dropped in training is not published; the same authors' later code has 0.1. It matters
only when an imported model is trained on."""
LAMA_THICK = Masks(
    irregular_probability=0.77, strokes=(1, 5), stroke_length=(10 / 512, 450 / 512), stroke_width=(5 / 512, 250 / 512),
    boxes=(1, 4), box_side=(30 / 512, 300 / 512), box_margin=0.0, largest_area=0.5,
)  # fmt: skip
"""LaMa's random_thick_512, the paper's test masks (inferred)."""

OPEN = ("null_probability", "tokenizer", "masks", "degradation")
"""What original configurations do not say."""


class ReadConditioning(NamedTuple):
    """A conditioning, and the rows of its embedding or the channels of its map."""

    conditioning: Conditioning
    classes: int = 0


def read_conditioning(model: Options, factor: int, supplied: Conditioning | None) -> ReadConditioning:
    """What conditions the original ``LatentDiffusion`` (``ldm/modules/encoders/modules.py``).

    ``factor`` is the first stage's; ``supplied`` says what the original configuration leaves open, and must agree with
    the rest.

    Raises:
        InputError: a conditioner we do not have, or ``supplied`` contradicts the file.
    """
    read = _read(model, factor)
    if supplied is None:
        return read
    given = supplied.model_dump()
    for field, value in read.conditioning.model_dump().items():
        if field not in OPEN and value != given.get(field):
            raise InputError(
                f"{model.where}.cond_stage_config says {field} = {value!r}, the given conditioning {given.get(field)!r}"
            )
    return ReadConditioning(supplied, read.classes)


def _read(model: Options, factor: int) -> ReadConditioning:
    stage = model.get("cond_stage_config", UNCONDITIONAL)
    model.ignore("cond_stage_key", "cond_stage_trainable", "cond_stage_forward")
    concat_mode = model.get("concat_mode", True)
    key = model.get("conditioning_key") or ("concat" if concat_mode else "crossattn")
    if stage in (UNCONDITIONAL, None):
        return ReadConditioning(NoConditioning(kind="none"))
    if stage == SHARED_FIRST_STAGE:
        _expect(model, key, "concat")
        return ReadConditioning(InpaintingConditioning(kind="inpainting", masks=LAMA_THICK))
    group = model.group("cond_stage_config")
    kind = target(group)
    if kind not in READERS:
        raise InputError(f"{group.where}.target: {kind} cannot be imported; known: {', '.join(READERS)}")
    way, reader = READERS[kind]
    _expect(model, key, way)
    params = Options(group.get("params") or {}, f"{group.where}.params")
    found = reader(params, factor)
    params.finish()
    return found


def _expect(model: Options, key: Any, way: str) -> None:
    if key != way:
        raise InputError(f"{model.where}.conditioning_key is {key!r}; this conditioner is imported only with {way!r}")


def _class(params: Options, factor: int) -> ReadConditioning:
    params.ignore("key")
    dim = int(params.required("embed_dim"))
    rows = int(params.get("n_classes", 1000))
    return ReadConditioning(ClassConditioning(kind="class", dim=dim, null_probability=NULL_PROBABILITY), rows)


def _transformer(params: Options, factor: int) -> ReadConditioning:
    """Text where the original tokenises, boxes where it is given tokens. Always 8 heads of 64 channels."""
    dim, layers = int(params.required("n_embed")), int(params.required("n_layer"))
    encoder = TrainedTransformer(kind="trained", layers=layers, dim=dim, heads=8, head_channels=64)
    vocab_size, length = int(params.get("vocab_size", 30522)), int(params.get("max_seq_len", 77))
    params.ignore("device", "embedding_dropout")
    if params.get("use_tokenizer", True):
        tokenizer = PretrainedTokenizer(kind="pretrained", name="bert-base-uncased")
        return ReadConditioning(
            TextConditioning(
                kind="text", tokenizer=tokenizer, encoder=encoder, max_length=length, null_probability=NULL_PROBABILITY
            )
        )
    objects, rest = divmod(length - 2, 3)
    if rest or objects < 1:
        raise InputError(f"{params.where}.max_seq_len is {length}; boxes need 3 tokens each, and 2 for the crop")
    return ReadConditioning(
        LayoutConditioning(
            kind="layout", vocab_size=vocab_size, max_objects=objects, encoder=encoder, null_probability=0.0
        )
    )


def _semantic(params: Options, factor: int) -> ReadConditioning:
    params.only("method", "bilinear")
    params.only("multiplier", 0.5)
    params.only("bias", False)
    channels, stages = params.required("out_channels"), int(params.get("n_stages", 1))
    return ReadConditioning(
        SemanticConditioning(kind="semantic", stages=stages, channels=int(channels)),
        int(params.required("in_channels")),
    )


def _low_res(params: Options, factor: int) -> ReadConditioning:
    degradation = Degradation(kind="bsr_light", factor=factor)  # the only released super-resolution model is LDM-BSR
    return ReadConditioning(LowResConditioning(kind="low_res", degradation=degradation))


READERS: dict[str, tuple[str, Callable[[Options, int], ReadConditioning]]] = {
    "ClassEmbedder": ("crossattn", _class),
    "BERTEmbedder": ("crossattn", _transformer),
    "SpatialRescaler": ("concat", _semantic),
    "Identity": ("concat", _low_res),
}
"""By the original's class: the way the condition enters, and how its options are read."""
