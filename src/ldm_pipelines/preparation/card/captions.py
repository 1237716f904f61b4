"""The captions of a dataset: how many, how long, which words."""

import re
from array import array
from collections import Counter
from collections.abc import Iterator
from hashlib import blake2b

import numpy as np
import pandas as pd

from ldm_pipelines.preparation.card.contents import Section, bar_table, quantile_row, quantile_table

WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
FREQUENT = 20
CHUNK = 1 << 14
"""Captions that are held at once as Python objects."""


def captions_section(manifest: pd.DataFrame) -> Section:
    """Lengths are those of captions that are not empty; empty where the dataset has none."""
    if "caption" not in manifest:
        return Section("Captions")
    words, characters = array("l"), array("l")
    different: set[bytes] = set()
    frequent: Counter[str] = Counter()
    for text in _texts(manifest["caption"]):
        words.append(len(text.split()))
        characters.append(len(text))
        different.add(blake2b(text.encode(), digest_size=12).digest())
        frequent.update(set(WORD.findall(text.lower())))
    common = sorted(frequent.items(), key=lambda item: (-item[1], item[0]))[:FREQUENT]
    lengths = (
        quantile_table(
            "Length",
            quantile_row("words", np.asarray(words)),
            quantile_row("characters", np.asarray(characters)),
        )
        if words
        else None
    )
    return Section(
        "Captions",
        facts=(
            ("captions", len(words)),
            ("images without one", len(manifest) - len(words)),
            ("different captions", len(different)),
            ("different words", len(frequent)),
        ),
        tables=(lengths, bar_table("Most frequent words", ("word", "captions with it"), common)) if lengths else (),
    )


def _texts(captions: pd.Series) -> Iterator[str]:
    """Those that are not empty, without white space around them."""
    for start in range(0, len(captions), CHUNK):
        yield from filter(None, (text.strip() for text in captions.iloc[start : start + CHUNK].fillna("")))
