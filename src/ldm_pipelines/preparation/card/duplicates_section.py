"""Copies and near duplicates, laid out for the card."""

from collections.abc import Sequence
from itertools import chain

import pandas as pd

from ldm_pipelines.preparation.card.contact_sheet import Tile, draw
from ldm_pipelines.preparation.card.contents import Cell, Picture, Section, Table
from ldm_pipelines.preparation.card.duplicates import Thumbnails
from ldm_pipelines.preparation.card.overlaps import Copies, Near, Overlap, Twins

NEAR_PICTURE = "near_duplicates.png"


def duplicates_section(
    manifest: pd.DataFrame,
    copies: Sequence[Copies],
    exact: Sequence[Overlap],
    near: Sequence[Near],
    flat: int,
    distance: int,
    thumbnails: Thumbnails,
) -> Section:
    """Numbers first, then the first twins of each kind with where they came from."""
    pixels = "the prepared pixels" if "pixels" in manifest else "the bytes of the files"
    facts: list[tuple[str, Cell]] = [
        ("exact copies within a split", sum(copy.images for copy in copies)),
        ("exact copies in different splits, pairs", sum(overlap.pairs for overlap in exact)),
        ("near duplicates in different splits, pairs that look the same", sum(overlap.alike for overlap in near)),
        ("flat images, of which only exact copies are found", flat),
    ]
    listed = {pair.left for pair in _all(copies, exact, near)} | {pair.right for pair in _all(copies, exact, near)}
    some = manifest[manifest["id"].isin(listed)]
    origins = {str(name): str(origin) for name, origin in zip(some["id"], some["origin"], strict=True)}
    tables = [_copies(copy, origins) for copy in copies]
    tables += [_twins(f"Exact copies: {_title(overlap)}", overlap.twins, origins) for overlap in exact]
    if near:
        headings = ("splits", "pairs by hash", "images with one", "looked at", "look the same", "in crowds left out")
        tables.append(Table(f"Near duplicates: hashes within {distance} bits of 64", headings, tuple(map(_row, near))))
    tables += [_twins(f"Look the same: {_title(overlap)}", overlap.twins, origins) for overlap in near if overlap.twins]
    note = (
        f"Copies have {pixels} in common. Near duplicates are found by a 64-bit difference hash, closest first, and "
        "count as such where 16 x 16 pixels of both agree as well; other pairs are alike to the hash alone."
    )
    pictures = _pictures([(overlap, pair) for overlap in near for pair in overlap.twins], thumbnails)
    return Section("Duplicates", note, tuple(facts), tuple(tables), pictures)


def _pictures(twins: Sequence[tuple[Near, Twins]], thumbnails: Thumbnails) -> tuple[Picture, ...]:
    if not twins:
        return ()
    groups = []
    for splits in dict.fromkeys(overlap.splits for overlap, _ in twins):
        pairs = [pair for overlap, pair in twins if overlap.splits == splits]
        shown = thumbnails([name for pair in pairs for name in (pair.left, pair.right)])
        labels = [f"{split}: {name}" for pair in pairs for split, name in zip(splits, pair[:2], strict=True)]
        tiles = [Tile(image, label) for image, label in zip(shown, labels, strict=True)]
        groups.append((f"{splits[0]} (left) and {splits[1]} (right)", tiles))
    alt = "Pairs of images side by side that look the same"
    return (Picture(NEAR_PICTURE, "Near duplicates in different splits", alt, draw(groups)),)


def _all(copies: Sequence[Copies], exact: Sequence[Overlap], near: Sequence[Near]) -> list[Twins]:
    twins = [*(one.twins for one in copies), *(one.twins for one in exact), *(one.twins for one in near)]
    return [*chain.from_iterable(twins)]


def _copies(copy: Copies, origins: dict[str, str]) -> Table:
    return _twins(f"Exact copies within {copy.split}, {copy.images:,} in all", copy.twins, origins)


def _title(overlap: Overlap) -> str:
    return f"{overlap.splits[0]} and {overlap.splits[1]}"


def _twins(caption: str, twins: Sequence[Twins], origins: dict[str, str]) -> Table:
    rows = ((pair.left, origins[pair.left], pair.right, origins[pair.right], pair.distance) for pair in twins)
    return Table(f"{caption} (the first {len(twins)})", ("image", "from", "image", "from", "bits"), tuple(rows))


def _row(near: Near) -> tuple[Cell, ...]:
    least = "" if near.complete else "more than "
    images = f"{least}{near.images[0]:,} and {near.images[1]:,}"
    return (_title(near), f"{least}{near.pairs:,}", images, near.looked_at, near.alike, near.crowded)
