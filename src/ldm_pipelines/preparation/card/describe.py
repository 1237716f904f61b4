"""From a prepared dataset to its card."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd

from ldm_pipelines.data.description import Description
from ldm_pipelines.data.manifest import BOXES, read_boxes, read_manifest, read_rejected
from ldm_pipelines.preparation.card.bands import Hashes
from ldm_pipelines.preparation.card.box_counts import boxes_section
from ldm_pipelines.preparation.card.captions import captions_section
from ldm_pipelines.preparation.card.classes import classes_section
from ldm_pipelines.preparation.card.contact_sheet import Tile, choose, draw, labels
from ldm_pipelines.preparation.card.contents import Card, LeakRow, Picture, Section
from ldm_pipelines.preparation.card.duplicates import (
    Thumbnails,
    align,
    copies_within,
    exact_overlaps,
    flat,
    leaked_copies,
    near_overlaps,
)
from ldm_pipelines.preparation.card.duplicates_section import duplicates_section
from ldm_pipelines.preparation.card.images import dataset_section, sizes_section
from ldm_pipelines.preparation.card.left_out import left_out_section
from ldm_pipelines.preparation.card.overlaps import Leak, leak_warnings, leaks

DISTANCE = 4
"""Bits."""
SHEET = "contact_sheet.png"
CONTAINERS = 4
"""Of a split whose containers may have to be fetched."""


def describe(
    folder: Path, hashes: Iterable[tuple[str, str, int]], thumbnails: Thumbnails, *, distance: int = DISTANCE
) -> Card:
    """What there is to know of a prepared dataset. The same dataset gives the same card.

    ``hashes`` are id, split and ``dhash`` of every image, in any order. ``thumbnails`` gives pictures of some tens of
    images at once, of any size. Images of different splits are near duplicates where their hashes differ in at most
    ``distance`` of 64 bits and their pictures agree; between train and another split each such finding is logged as a
    warning. Raises ``InputError`` where the folder is no prepared dataset or the hashes are not of its images.
    """
    description, manifest = Description.read(folder), read_manifest(folder)
    boxes = read_boxes(folder) if (folder / BOXES).is_file() else None
    return describe_tables(
        description, manifest, read_rejected(folder), boxes, align(hashes, manifest, folder), thumbnails, distance
    )


def describe_tables(
    description: Description,
    manifest: pd.DataFrame,
    rejected: pd.DataFrame,
    boxes: pd.DataFrame | None,
    hashes: Hashes,
    thumbnails: Thumbnails,
    distance: int = DISTANCE,
) -> Card:
    """Of tables that have been read; ``hashes`` in the manifest's order."""
    exact, near = exact_overlaps(manifest), near_overlaps(manifest, hashes, distance, thumbnails)
    found = int(flat(hashes).sum())
    duplicates = duplicates_section(manifest, copies_within(manifest), exact, near, found, distance, thumbnails)
    sections = (
        dataset_section(description, manifest),
        _sheet(description, manifest, thumbnails),
        duplicates,
        sizes_section(description, manifest),
        classes_section(description.classes, manifest),
        captions_section(manifest),
        boxes_section(description.box_classes, manifest, boxes),
        left_out_section(rejected, description.ignored),
    )
    return Card(
        description.name,
        f"{len(manifest):,} images of {description.image_size} x {description.image_size} pixels, "
        f"from a source of kind {description.source}.",
        tuple(leak_warnings(description.name, exact, near)),
        tuple(section for section in sections if not section.empty),
        tuple(_with_origins(leaks(leaked_copies(manifest), near), manifest)),
    )


def _with_origins(found: list[Leak], manifest: pd.DataFrame) -> Iterator[LeakRow]:
    named = {leak.id for leak in found} | {leak.train_id for leak in found}
    some = manifest.loc[manifest["id"].isin(named), ["id", "origin"]]
    origins = {str(name): str(origin) for name, origin in some.itertuples(index=False, name=None)}
    for leak in found:
        yield leak.split, leak.id, origins[leak.id], leak.kind, leak.train_id, origins[leak.train_id], leak.bits


def _sheet(description: Description, manifest: pd.DataFrame, thumbnails: Thumbnails) -> Section:
    """Images of every split, in the dataset's order; where containers cost, of the first few of them."""
    groups = []
    shown = manifest
    if description.shuffle_shards is not None:
        numbers = manifest.groupby("split")["path"].transform(lambda paths: pd.factorize(paths)[0])
        shown = manifest[numbers < CONTAINERS]
    for split, rows in choose(shown).items():
        some = shown.iloc[rows]
        tiles = [*map(Tile, thumbnails(some["id"].tolist()), labels(description.classes, some))]
        groups.append((f"{split}: {len(tiles)} of {(manifest['split'] == split).sum():,}", tiles))
    alt = "Images of every split, with their class or caption"
    return Section("Images", pictures=(Picture(SHEET, "Some images of every split", alt, draw(groups)),))
