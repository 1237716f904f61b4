"""How evenly a dataset's images are spread over its classes."""

import numpy as np
import pandas as pd

from ldm_pipelines.preparation.card.contents import Cell, Section, Table, bar_table

ALL = 40
"""Up to so many classes are all shown, else the ends alone."""
ENDS = 10


def classes_section(classes: list[str], manifest: pd.DataFrame) -> Section:
    """Counts by class; empty where no image has one."""
    if not classes:
        return Section("Classes")
    label = manifest["label"].to_numpy()
    counts = np.bincount(label[label >= 0], minlength=len(classes))
    in_train = np.bincount(label[(label >= 0) & (manifest["split"] == "train").to_numpy()], minlength=len(classes))
    facts: list[tuple[str, Cell]] = [
        ("classes", len(classes)),
        ("images without a class", int((label < 0).sum())),
        ("classes without an image", int((counts == 0).sum())),
    ]
    if counts.any():
        ratio = counts.max() / counts[counts > 0].min()
        facts += [
            ("classes with images, but none to train on", int(((counts > 0) & (in_train == 0)).sum())),
            ("imbalance: largest / smallest class", float(round(ratio, 2))),
        ]
    return Section("Classes", facts=tuple(facts), tables=_tables(classes, counts))


def _tables(classes: list[str], counts: np.ndarray) -> tuple[Table, ...]:
    order = sorted(range(len(classes)), key=lambda number: (-counts[number], number))
    ranked = [(classes[number], int(counts[number])) for number in order]
    headings, longest = ("class", "images"), ranked[0][1]
    if len(ranked) <= ALL:
        return (bar_table("Images by class", headings, ranked, longest),)
    return (
        bar_table(f"The {ENDS} largest classes", headings, ranked[:ENDS], longest),
        bar_table(f"The {ENDS} smallest classes", headings, ranked[-ENDS:], longest),
    )
