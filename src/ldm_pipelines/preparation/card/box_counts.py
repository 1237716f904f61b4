"""The boxes of a dataset: how many, how large, of which classes."""

import numpy as np
import pandas as pd

from ldm_pipelines.preparation.card.contents import Section, bar_table, quantile_row, quantile_table

MOST = 20


def boxes_section(classes: list[str], manifest: pd.DataFrame, boxes: pd.DataFrame | None) -> Section:
    """Counts per image and per class; empty where the dataset has no boxes."""
    if boxes is None:
        return Section("Boxes")
    per_image = boxes["id"].value_counts().reindex(manifest["id"], fill_value=0).to_numpy()
    per_class = np.bincount(boxes["label"].to_numpy(), minlength=len(classes))
    order = sorted(range(len(classes)), key=lambda number: (-per_class[number], number))[:MOST]
    rows = [quantile_row("boxes per image", per_image)]
    if len(boxes):
        rows.append(quantile_row("area, of the image", (boxes["width"] * boxes["height"]).to_numpy()))
    return Section(
        "Boxes",
        facts=(
            ("boxes", len(boxes)),
            ("images without one", int((per_image == 0).sum())),
            ("classes of boxes", len(classes)),
            ("classes without a box", int((per_class == 0).sum())),
        ),
        tables=(
            quantile_table("Boxes", *rows),
            bar_table(
                f"Boxes by class{f', the {MOST} most frequent' if len(classes) > MOST else ''}",
                ("class", "boxes"),
                [(classes[number], int(per_class[number])) for number in order],
            ),
        ),
    )
