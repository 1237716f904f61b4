"""Captions: tokenizers, the transformer against the original, frozen encoders."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.pipelines.latent_diffusion.pipeline_latent_diffusion import LDMBertModel
from support.conditionings import definition
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    AutoTokenizer,
    CLIPConfig,
    CLIPModel,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTokenizer,
    GPT2Config,
    PreTrainedTokenizerFast,
    T5Config,
    T5EncoderModel,
)

from ldm_pipelines.data.prepared import ImageSplit
from ldm_pipelines.diffusion.conditioners.conditioner import Surroundings
from ldm_pipelines.diffusion.conditioners.registry import build_conditioner, load_conditioner
from ldm_pipelines.diffusion.conditioners.text import TextConditioner
from ldm_pipelines.diffusion.conditioners.tokenizer import fit_wordpiece, pretrained_tokenizer, save_tokenizer
from ldm_pipelines.diffusion.conditioners.transformer import new_transformer
from ldm_pipelines.diffusion.conditioning_spec import TrainedTransformer
from ldm_pipelines.errors import InputError

CAPTIONS = ["a red circle left of a blue square", "A large green triangle, above a yellow star", "two small circles"]


def transformer(layers: int, dim: int, heads: int, head_channels: int, vocab_size: int, length: int) -> Any:
    spec = TrainedTransformer(kind="trained", layers=layers, dim=dim, heads=heads, head_channels=head_channels)
    return new_transformer(spec, vocab_size, length)


# -- the transformer ---------------------------------------------------------------------------------------------------


def renamed(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The original's names as those of ``LDMBertModel``: its layers are attention and MLP in turn."""
    names = {
        "token_emb.weight": "model.embed_tokens.weight",
        "pos_emb.emb.weight": "model.embed_positions.weight",
        **{f"norm.{p}": f"model.layer_norm.{p}" for p in ("weight", "bias")},
        **{f"to_logits.{p}": f"to_logits.{p}" for p in ("weight", "bias")},
    }
    for layer in range(2):
        attention, mlp = (f"attn_layers.layers.{2 * layer + part}" for part in (0, 1))
        ours = f"model.layers.{layer}"
        for p in ("weight", "bias"):
            names |= {
                f"{attention}.0.{p}": f"{ours}.self_attn_layer_norm.{p}",
                f"{attention}.1.to_out.{p}": f"{ours}.self_attn.out_proj.{p}",
                f"{mlp}.0.{p}": f"{ours}.final_layer_norm.{p}",
                f"{mlp}.1.net.0.0.{p}": f"{ours}.fc1.{p}",
                f"{mlp}.1.net.2.{p}": f"{ours}.fc2.{p}",
            }
        names |= {f"{attention}.1.to_{x}.weight": f"{ours}.self_attn.{x}_proj.weight" for x in "qkv"}
    return {ours: tensors[f"state.transformer.{theirs}"] for theirs, ours in names.items()}


def test_the_transformer_is_the_original_one(oracle: Any) -> None:
    tensors, _ = oracle("bert_encoder")
    model = transformer(layers=2, dim=16, heads=8, head_channels=64, vocab_size=97, length=12)
    model.load_state_dict(renamed(tensors))
    conditioner = TextConditioner(None, model.eval(), 12)
    for part in ("", "_short"):
        embeddings = conditioner({"tokens": tensors[f"in.tokens{part}"]})["crossattn"]
        torch.testing.assert_close(embeddings, tensors[f"out.embeddings{part}"], rtol=0, atol=1e-4)


def test_a_new_transformer_starts_as_the_original_does() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = transformer(layers=1, dim=64, heads=4, head_channels=32, vocab_size=500, length=50)
    layer = model.model.layers[0]
    assert model.model.embed_tokens.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert model.model.embed_positions.weight.std().item() == pytest.approx(0.02, rel=0.05)
    for linear in (layer.self_attn.q_proj, layer.self_attn.out_proj, layer.fc1, layer.fc2):
        bound = linear.in_features**-0.5  # PyTorch's default is uniform within it
        assert 0.95 * bound < linear.weight.abs().max().item() <= bound
    assert model.config.dropout == 0


def test_training_moves_everything_but_the_head_that_nothing_uses(build: Any, split: ImageSplit) -> None:
    conditioner = build("mini_text").train()
    conditioner(conditioner.reader(split).read(np.arange(4), None))["crossattn"].square().sum().backward()
    without = {name for name, parameter in conditioner.named_parameters() if parameter.grad is None}
    assert without == {"transformer.to_logits.weight", "transformer.to_logits.bias"}
    assert all(not parameter.requires_grad for name, parameter in conditioner.named_parameters() if name in without)


def test_the_papers_text_transformer_has_its_number_of_parameters() -> None:
    with torch.device("meta"):
        model = transformer(layers=32, dim=1280, heads=8, head_channels=64, vocab_size=30522, length=77)
    assert round(sum(p.numel() for p in model.parameters()) / 1e6) == 582


# -- tokens ------------------------------------------------------------------------------------------------------------


def test_the_same_captions_give_the_same_vocabulary(split: ImageSplit) -> None:
    vocabularies = [fit_wordpiece(split.captions, size).get_vocab() for size in (80, 80, 80, 80, 80)]
    assert all(one == other for one, other in pairwise(vocabularies))


def test_the_same_captions_give_the_same_files(tmp_path: Path) -> None:
    for number in range(3):
        tokenizer = fit_wordpiece(CAPTIONS, 80)
        if number == 2:
            tokenizer(CAPTIONS, padding="max_length", truncation=True, max_length=5)
        save_tokenizer(tokenizer, tmp_path / str(number))
    for file in ("tokenizer.json", "tokenizer_config.json"):
        assert len({(tmp_path / str(number) / file).read_bytes() for number in range(3)}) == 1


@pytest.mark.parametrize("vocab_size", [57, 70, 1000])
def test_a_vocabulary_is_never_larger_than_asked_for(vocab_size: int) -> None:
    tokenizer = fit_wordpiece(CAPTIONS, vocab_size)
    assert len(tokenizer) <= vocab_size
    assert sorted(tokenizer.get_vocab().values()) == list(range(len(tokenizer)))
    for caption in CAPTIONS:  # every letter has a token, so nothing is unknown
        tokens = tokenizer(caption)["input_ids"]
        assert tokenizer.unk_token_id not in tokens
        assert tokenizer.decode(tokens, skip_special_tokens=True).replace(" ,", ",") == caption.lower()


def test_common_words_are_single_tokens(split: ImageSplit) -> None:
    assert fit_wordpiece(split.captions, 128).tokenize("a Red circle") == ["a", "red", "circle"]


def test_a_vocabulary_too_small_for_the_letters_is_refused() -> None:
    with pytest.raises(InputError, match=r"vocab_size is 20, but .* need \d+"):
        fit_wordpiece(CAPTIONS, 20)


def test_captions_without_words_are_refused() -> None:
    with pytest.raises(InputError, match="they have no words"):
        fit_wordpiece(["", " "], 100)


def test_captions_are_cut_and_padded_and_the_null_is_the_empty_caption(build: Any) -> None:
    conditioner = build("mini_text")
    tokenizer = conditioner.tokenizer
    tokens = conditioner.tokenise(["a red circle", "a red circle and " * 20, ""])
    assert tokens.shape == (3, 16)
    words = tokenizer.convert_tokens_to_ids(["[CLS]", "a", "red", "circle", "[SEP]", "[PAD]"])
    assert tokens[0].tolist() == words[:5] + words[5:] * 11
    assert tokens[1, -1] == words[4]
    assert torch.equal(conditioner.blank({"tokens": tokens})["tokens"], tokens[2].expand(3, -1))


def test_the_tokenizer_of_a_folder_is_used_as_it_is(tmp_path: Path, surroundings: Surroundings) -> None:
    words = fit_wordpiece(CAPTIONS, 90)
    save_tokenizer(words, tmp_path / "words")
    spec = definition("mini_text", tokenizer={"kind": "pretrained", "name": str(tmp_path / "words")})
    conditioner = build_conditioner(spec, surroundings)
    assert conditioner.tokenizer.get_vocab() == words.get_vocab()
    assert conditioner.transformer.config.vocab_size == len(words)
    assert isinstance(conditioner.transformer, LDMBertModel)


def test_a_missing_tokenizer_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"tokenizer\.name: looked for a tokenizer in the folder .*nowhere, which does"
    ):
        pretrained_tokenizer(str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match=f"looked for a tokenizer in the folder {tmp_path}, and cannot load it"):
        pretrained_tokenizer(str(tmp_path))


def test_a_tokenizer_that_cannot_pad_is_refused(tmp_path: Path) -> None:
    words = Tokenizer(models.WordLevel({"a": 0}))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=words).save_pretrained(tmp_path)
    with pytest.raises(InputError, match="has no padding token"):
        pretrained_tokenizer(str(tmp_path))


# -- frozen encoders ---------------------------------------------------------------------------------------------------


def clip_tokenizer(folder: Path) -> Any:
    """CLIP's kind of tokenizer, of letters alone."""
    letters = list("abcdefghijklmnopqrstuvwxyz,")
    words = ["<|startoftext|>", "<|endoftext|>", *letters, *(f"{letter}</w>" for letter in letters)]
    tokenizer = CLIPTokenizer(vocab={word: number for number, word in enumerate(words)}, merges=[])
    tokenizer.save_pretrained(folder)
    return tokenizer


TEXT = {
    "vocab_size": 56, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
    "max_position_embeddings": 20, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1,
}  # fmt: skip


@pytest.fixture
def clip_folder(tmp_path: Path) -> Path:
    """A small random CLIP text encoder and its tokenizer, as they are on the hub."""
    torch.manual_seed(0)
    CLIPTextModel(CLIPTextConfig(**TEXT)).save_pretrained(tmp_path / "clip")
    clip_tokenizer(tmp_path / "clip")
    return tmp_path / "clip"


def clip_spec(folder: Path, **changes: Any) -> Any:
    """``changes`` of the encoder."""
    pretrained = {"kind": "pretrained", "name": str(folder)}
    return definition("mini_text", tokenizer=pretrained, encoder={**pretrained, "dim": 32, **changes})


def test_a_frozen_clip_says_what_transformers_says(
    clip_folder: Path, surroundings: Surroundings, tmp_path: Path
) -> None:
    conditioner = build_conditioner(clip_spec(clip_folder), surroundings)
    raw = {"tokens": conditioner.tokenise(["red", "a blue square", ""])}
    tokens = AutoTokenizer.from_pretrained(clip_folder)(
        ["red", "a blue square", ""], padding="max_length", max_length=16, truncation=True, return_tensors="pt"
    )["input_ids"]
    assert torch.equal(raw["tokens"], tokens)
    with torch.no_grad():
        expected = CLIPTextModel.from_pretrained(clip_folder).eval()(tokens).last_hidden_state
    said = conditioner.train()(raw)["crossattn"]
    assert torch.equal(said, expected)
    assert conditioner.context_dim == 32

    conditioner.save(tmp_path / "saved")
    clip_folder.rename(tmp_path / "gone")
    assert torch.equal(load_conditioner(tmp_path / "saved")(raw)["crossattn"], expected)


def test_a_frozen_encoder_is_not_trained(clip_folder: Path, surroundings: Surroundings) -> None:
    conditioner = build_conditioner(clip_spec(clip_folder), surroundings).train()
    assert not conditioner.transformer.training
    assert not any(parameter.requires_grad for parameter in conditioner.parameters())
    assert not conditioner({"tokens": conditioner.tokenise(["red"])})["crossattn"].requires_grad


def test_the_text_half_of_a_whole_clip_is_taken(tmp_path: Path, surroundings: Surroundings) -> None:
    vision = {**TEXT, "image_size": 8, "patch_size": 4}
    clip = CLIPModel(CLIPConfig(text_config=TEXT, vision_config=vision, projection_dim=16)).eval()
    clip.save_pretrained(tmp_path)
    clip_tokenizer(tmp_path)
    conditioner = build_conditioner(clip_spec(tmp_path), surroundings)
    tokens = conditioner.tokenise(["a red square"])
    with torch.no_grad():
        expected = clip.text_model(tokens).last_hidden_state
    torch.testing.assert_close(conditioner({"tokens": tokens})["crossattn"], expected, rtol=0, atol=1e-6)


def test_a_frozen_t5_says_what_transformers_says(clip_folder: Path, surroundings: Surroundings, tmp_path: Path) -> None:
    config = T5Config(vocab_size=60, d_model=24, d_kv=8, d_ff=32, num_layers=2, num_heads=3, decoder_start_token_id=0)
    T5EncoderModel(config).save_pretrained(tmp_path / "t5")
    spec = clip_spec(clip_folder, name=str(tmp_path / "t5"), dim=24)
    conditioner = build_conditioner(spec, surroundings)
    raw = {"tokens": conditioner.tokenise(["red", "blue"])}
    conditioner.save(tmp_path / "saved")
    with torch.no_grad():
        expected = T5EncoderModel.from_pretrained(tmp_path / "t5").eval()(raw["tokens"]).last_hidden_state
    assert torch.equal(conditioner(raw)["crossattn"], expected)
    assert torch.equal(load_conditioner(tmp_path / "saved")(raw)["crossattn"], expected)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dim": 48}, r"encoder\.dim is 48, but .* has 32 channels"),
        ({"name": "./nowhere"}, r"encoder\.name: looked for a text encoder in the folder \./nowhere, which does not"),
    ],
)
def test_an_encoder_that_does_not_fit_is_refused(
    clip_folder: Path, surroundings: Surroundings, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        build_conditioner(clip_spec(clip_folder, **changes), surroundings)


def test_captions_longer_than_the_encoder_reads_are_refused(clip_folder: Path, surroundings: Surroundings) -> None:
    spec = clip_spec(clip_folder).model_copy(update={"max_length": 21})
    with pytest.raises(InputError, match=r"max_length is 21, but .* reads at most 20 tokens"):
        build_conditioner(spec, surroundings)


def test_an_encoder_with_another_tokenizer_is_refused(clip_folder: Path, surroundings: Surroundings) -> None:
    spec = clip_spec(clip_folder).model_copy(update={"tokenizer": definition("mini_text").tokenizer})
    with pytest.raises(InputError, match="take the encoder's own tokenizer"):
        build_conditioner(spec, surroundings)


def test_a_model_that_encodes_no_text_is_refused(clip_folder: Path, surroundings: Surroundings, tmp_path: Path) -> None:
    GPT2Config().save_pretrained(tmp_path / "gpt")
    with pytest.raises(InputError, match="a model of type 'gpt2', not a text encoder that we know"):
        build_conditioner(clip_spec(clip_folder, name=str(tmp_path / "gpt")), surroundings)
