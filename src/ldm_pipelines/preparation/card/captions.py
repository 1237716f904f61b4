"""The captions of a dataset: how many, how long, which words."""

import re
from collections import Counter

import pandas as pd

from ldm_pipelines.preparation.card.contents import Section, bar_table, quantile_row, quantile_table

WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
FREQUENT = 20


def captions_section(manifest: pd.DataFrame) -> Section:
    """Lengths are those of captions that are not empty; empty where the dataset has none."""
    if "caption" not in manifest:
        return Section("Captions")
    captions = [text.strip() for text in manifest["caption"].fillna("")]
    there = [text for text in captions if text]
    words = [text.split() for text in there]
    frequent: Counter[str] = Counter()
    for text in there:
        frequent.update(set(WORD.findall(text.lower())))
    common = sorted(frequent.items(), key=lambda item: (-item[1], item[0]))[:FREQUENT]
    lengths = (
        quantile_table(
            "Length",
            quantile_row("words", [len(found) for found in words]),
            quantile_row("characters", [len(text) for text in there]),
        )
        if there
        else None
    )
    return Section(
        "Captions",
        facts=(
            ("captions", len(there)),
            ("images without one", len(captions) - len(there)),
            ("different captions", len(set(there))),
            ("different words", len(frequent)),
        ),
        tables=(lengths, bar_table("Most frequent words", ("word", "captions with it"), common)) if lengths else (),
    )
