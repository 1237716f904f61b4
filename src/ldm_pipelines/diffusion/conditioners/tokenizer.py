"""Tokenizers of captions: fitted here, or pretrained."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tokenizers.implementations.bert_wordpiece import BertWordPieceTokenizer
from transformers import AutoTokenizer, BertTokenizer

from ldm_pipelines.diffusion.conditioners.pretrained import load_pretrained
from ldm_pipelines.errors import InputError

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
CONTINUED = "##"
PER_CALL = ("is_local", "local_files_only", "name_or_path")
"""What transformers notes about where a tokenizer was loaded from; no part of a tokenizer."""


def fit_wordpiece(captions: Sequence[str], vocab_size: int) -> Any:
    """A lower-casing ``BertTokenizer`` fitted on captions; the same captions give the same vocabulary.

    Raises:
        InputError: there are no words, or their letters alone are more than ``vocab_size`` tokens.
    """
    trainer = BertWordPieceTokenizer(lowercase=True)
    letters = _letters(trainer, captions)
    if not letters:
        raise InputError("a wordpiece tokenizer is fitted on the training captions, and they have no words")
    if len(SPECIAL) + len(letters) > vocab_size:
        raise InputError(
            f"conditioning.tokenizer.vocab_size is {vocab_size}, but the captions' letters (each at the start of a "
            f"word and inside it) and {len(SPECIAL)} special tokens need {len(SPECIAL) + len(letters)}"
        )
    # Named as special tokens, letters are numbered in this order. Left alone, the trainer numbers those inside words in
    # the random order of a hash table, and breaks ties between merges by these numbers.
    trainer.train_from_iterator(
        iter(captions),
        vocab_size=vocab_size,
        min_frequency=1,
        show_progress=False,
        special_tokens=[*SPECIAL, *letters],
    )
    return BertTokenizer(vocab=trainer.get_vocab(), do_lower_case=True)


def _letters(trainer: BertWordPieceTokenizer, captions: Sequence[str]) -> list[str]:
    """Every letter as WordPiece starts from it: ``a`` at the start of a word, ``##a`` inside one."""
    found = set()
    for caption in captions:
        for word, _ in trainer.pre_tokenizer.pre_tokenize_str(trainer.normalizer.normalize_str(caption)):
            found.update([word[0], *(CONTINUED + letter for letter in word[1:])])
    return sorted(found)


def pretrained_tokenizer(name: str) -> Any:
    """The tokenizer in a local folder, or of that name on the hub.

    Raises:
        InputError: there is none, or it cannot pad.
    """
    tokenizer = load_pretrained(AutoTokenizer, name, "conditioning.tokenizer.name", "tokenizer")
    if tokenizer.pad_token_id is None:
        raise InputError(f"conditioning.tokenizer.name: the tokenizer {name!r} has no padding token")
    return tokenizer


def save_tokenizer(tokenizer: Any, folder: Path) -> None:
    """The folder that ``from_pretrained`` reads: the same bytes whatever the tokenizer was used for before."""
    if tokenizer.is_fast:
        tokenizer.backend_tokenizer.no_padding()
        tokenizer.backend_tokenizer.no_truncation()
    for key in PER_CALL:
        tokenizer.init_kwargs.pop(key, None)
    tokenizer.save_pretrained(folder)
