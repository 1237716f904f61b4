"""How the original images of a dataset were: their sizes and colour modes."""

import pandas as pd

from ldm_pipelines.data.description import Description
from ldm_pipelines.data.splits import SPLITS
from ldm_pipelines.preparation.card.contents import Section, bar_table, quantile_row, quantile_table


def dataset_section(description: Description, manifest: pd.DataFrame) -> Section:
    """What was prepared, and how."""
    fractions = description.splits
    facts: list[tuple[str, str | int]] = [
        ("images", len(manifest)),
        ("source", description.source),
        ("prepared size", f"{description.image_size} x {description.image_size} pixels"),
        ("resized with", description.resize),
        ("left out", description.rejected),
        ("passed over", sum(description.ignored.values())),
        (
            "splits",
            ", ".join(f"{name} {getattr(fractions, name):g}" for name in SPLITS) + ", by content"
            if fractions
            else description.split_by or "as the source says",
        ),
    ]
    if description.in_place:
        facts.append(("images lie", "in the raw folder, read in place"))
    if description.crop_first:
        facts.append(("crop", "the centre square, before it is resized"))
    if description.random_crop:
        facts.append(
            ("training sees", "random squares of {:g} to {:g} of the shorter side".format(*description.random_crop))
        )
    if description.map_classes:
        facts.append(("classes of semantic maps", len(description.map_classes)))
    present = manifest["split"].value_counts()
    counts = [(name, int(present.get(name, 0))) for name in SPLITS]
    return Section("Dataset", facts=tuple(facts), tables=(bar_table("Images by split", ("split", "images"), counts),))


def sizes_section(description: Description, manifest: pd.DataFrame) -> Section:
    """Sizes of the originals, before any crop."""
    width, height = manifest["source_width"], manifest["source_height"]
    area, shorter = width * height, manifest[["source_width", "source_height"]].min(axis=1)
    enlarged = int((shorter < description.image_size).sum())
    sizes = quantile_table(
        "Pixels",
        quantile_row("width", width.to_numpy()),
        quantile_row("height", height.to_numpy()),
        quantile_row("shorter side", shorter.to_numpy()),
    )
    aspects = quantile_table("Shape", quantile_row("width / height", (width / height).to_numpy()))
    modes = sorted(manifest["source_mode"].value_counts().items(), key=lambda item: (-item[1], str(item[0])))
    return Section(
        "Original images",
        facts=(
            ("smallest", _one(manifest, int(area.to_numpy().argmin()))),
            ("largest", _one(manifest, int(area.to_numpy().argmax()))),
            ("enlarged: shorter side below the prepared size", enlarged),
        ),
        tables=(
            sizes,
            aspects,
            bar_table("Colour modes", ("mode", "images"), [(str(mode), int(count)) for mode, count in modes]),
        ),
    )


def _one(manifest: pd.DataFrame, row: int) -> str:
    image = manifest.iloc[row]
    return f"{image['source_width']} x {image['source_height']}: {image['origin']}"
