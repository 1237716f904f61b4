"""What is not in a dataset: rejected images with their reasons, and files that were passed over."""

import re

import pandas as pd

from ldm_pipelines.preparation.card.contents import Section, Table, bar_table

SHOWN = 20
"""Reasons, and images for each of them."""


def left_out_section(rejected: pd.DataFrame, ignored: dict[str, int]) -> Section:
    """Reasons that differ in numbers alone are counted as one."""
    kind = rejected["reason"].map(lambda reason: re.sub(r"\d+", "N", reason))
    groups = sorted(rejected.groupby(kind, sort=True), key=lambda item: (-len(item[1]), str(item[0])))
    tables = []
    if groups:
        counts = [(_heading(str(name), group), len(group)) for name, group in groups[:SHOWN]]
        tables.append(bar_table("Images left out, by reason", ("reason", "images"), counts))
    for name, group in groups[:SHOWN]:
        more = f", the first {SHOWN} of {len(group):,}" if len(group) > SHOWN else ""
        rows = tuple((str(path), str(reason)) for path, reason in group[["path", "reason"]].head(SHOWN).to_numpy())
        tables.append(Table(f"{_heading(str(name), group)}{more}", ("file", "reason"), rows))
    if ignored:
        by_count = sorted(ignored.items(), key=lambda item: (-item[1], item[0]))
        tables.append(bar_table("Files passed over", ("extension", "files"), by_count[:SHOWN]))
    return Section(
        "Left out",
        facts=(
            ("images left out", len(rejected)),
            ("reasons", len(groups)),
            ("files passed over", sum(ignored.values())),
        ),
        tables=tuple(tables),
    )


def _heading(kind: str, group: pd.DataFrame) -> str:
    reasons = group["reason"].unique()
    return str(reasons[0]) if len(reasons) == 1 else kind
