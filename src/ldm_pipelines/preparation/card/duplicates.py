"""Images that are there more than once: exact copies, and images that look the same, in different splits."""

from collections.abc import Callable, Iterable, Sequence
from itertools import combinations, islice
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from ldm_pipelines.data.splits import SPLITS
from ldm_pipelines.errors import InputError
from ldm_pipelines.preparation.card.bands import BITS, Hashes, Rows
from ldm_pipelines.preparation.card.likeness import alike
from ldm_pipelines.preparation.card.near_pairs import NearPairs, near_pairs
from ldm_pipelines.preparation.card.overlaps import Copies, Leak, Near, Overlap, Twins

Thumbnails = Callable[[Sequence[str]], Sequence[Image.Image]]
"""Small pictures of the images with these ids, in their order."""

LISTED = 20
LOOKED_AT = 500
"""Closest pairs of two splits whose pictures are compared."""
AT_ONCE = 32
"""Pairs whose pictures are held at once."""
CHUNK = 1 << 14
"""Hashes that are held at once as Python objects."""
FEWEST_BITS = 4
"""A hash with fewer bits set (or fewer not set) is that of a flat image: it says nothing."""


def align(hashes: Iterable[tuple[str, str, int]], manifest: pd.DataFrame, folder: Path) -> Hashes:
    """The hashes in the manifest's order. Raises ``InputError`` where they are not those of the manifest's images."""
    index, splits = pd.Index(manifest["id"]), manifest["split"].to_numpy()
    found, seen = np.zeros(len(manifest), dtype=np.uint64), np.zeros(len(manifest), dtype=np.bool_)
    iterator = iter(hashes)
    while chunk := [*islice(iterator, CHUNK)]:
        rows = index.get_indexer(pd.Index([name for name, _, _ in chunk], dtype=index.dtype))
        if (rows < 0).any() or seen[rows].any() or len(np.unique(rows)) != len(rows):
            raise InputError(f"{folder}: the perceptual hashes are not those of the dataset's images; prepare it again")
        if any(splits[rows] != np.array([split for _, split, _ in chunk])):
            raise InputError(
                f"{folder}: the perceptual hashes tell of other splits than the manifest; prepare it again"
            )
        found[rows] = np.array([value for _, _, value in chunk], dtype=np.uint64)
        seen[rows] = True
    if not seen.all():
        raise InputError(f"{folder}: the perceptual hashes are not those of the dataset's images; prepare it again")
    return found


def flat(hashes: Hashes) -> NDArray[np.bool_]:
    """Hashes of images without any structure."""
    bits = np.bitwise_count(hashes)
    return np.asarray((bits < FEWEST_BITS) | (bits > BITS - FEWEST_BITS))


def digest_column(manifest: pd.DataFrame) -> str:
    """What exact copies share: the prepared pixels, or the bytes of the file where images were left in place."""
    return "pixels" if "pixels" in manifest else "sha256"


def copies_within(manifest: pd.DataFrame) -> list[Copies]:
    """By split, as far as there are any."""
    found = []
    column = digest_column(manifest)
    for split in SPLITS:
        images = manifest.loc[manifest["split"] == split, ["id", column]]
        again = images[images[column].duplicated()]
        if again.empty:
            continue
        listed = again.head(LISTED)
        first = images[images[column].isin(listed[column])].drop_duplicates(column).set_index(column)["id"]
        twins = (Twins(str(first[digest]), str(name)) for name, digest in listed.itertuples(index=False, name=None))
        found.append(Copies(split, len(again), tuple(twins)))
    return found


def leaked_copies(manifest: pd.DataFrame) -> list[Leak]:
    """Every image of validation and test that is an exact copy of one of train, with the first such."""
    column, in_train = digest_column(manifest), manifest["split"] == "train"
    train = manifest.loc[in_train, ["id", column]].drop_duplicates(column).set_index(column)["id"]
    others = manifest.loc[~in_train & manifest[column].isin(train.index), ["split", "id", column]]
    return [
        Leak(str(split), str(name), "copy", str(train[digest]), 0)
        for split, name, digest in others.itertuples(index=False, name=None)
    ]


def exact_overlaps(manifest: pd.DataFrame) -> list[Overlap]:
    """Exact copies in different splits."""
    codes, _ = pd.factorize(manifest[digest_column(manifest)])
    digests = codes.astype(np.uint64)
    found = []
    for splits, left, right in _split_pairs(manifest, np.ones(len(manifest), dtype=np.bool_)):
        pairs = near_pairs(digests[left], digests[right], 0, LISTED)
        if pairs.total:
            twins = _twins(manifest, pairs, left, right)
            found.append(Overlap(splits, pairs.total, _images(pairs), tuple(twins)))
    return found


def near_overlaps(manifest: pd.DataFrame, hashes: Hashes, distance: int, thumbnails: Thumbnails) -> list[Near]:
    """Images in different splits whose hashes differ in at most ``distance`` bits; flat ones are left out."""
    found = []
    for splits, left, right in _split_pairs(manifest, ~flat(hashes)):
        pairs = near_pairs(hashes[left], hashes[right], distance, LOOKED_AT)
        if not pairs.total and not pairs.crowded:
            continue
        twins = _twins(manifest, pairs, left, right)
        seen = list(_alike(twins, thumbnails))
        found.append(
            Near(
                splits,
                pairs.total,
                _images(pairs),
                tuple(seen[:LISTED]),
                found=tuple(seen),
                looked_at=len(twins),
                alike=len(seen),
                crowded=pairs.crowded,
                complete=pairs.complete,
            )
        )
    return found


def _split_pairs(manifest: pd.DataFrame, wanted: NDArray[np.bool_]) -> Iterable[tuple[tuple[str, str], Rows, Rows]]:
    """Every two splits and the rows of their images."""
    split = manifest["split"].to_numpy()
    rows = {name: np.flatnonzero((split == name) & wanted) for name in SPLITS}
    for one, other in combinations(SPLITS, 2):
        if len(rows[one]) and len(rows[other]):
            yield (one, other), rows[one], rows[other]


def _twins(manifest: pd.DataFrame, pairs: NearPairs, left: Rows, right: Rows) -> list[Twins]:
    names = manifest["id"].to_numpy()
    return [Twins(str(names[left[pair.left]]), str(names[right[pair.right]]), pair.distance) for pair in pairs.closest]


def _images(pairs: NearPairs) -> tuple[int, int]:
    return int(pairs.left.sum()), int(pairs.right.sum())


def _alike(twins: Sequence[Twins], thumbnails: Thumbnails) -> Iterable[Twins]:
    for start in range(0, len(twins), AT_ONCE):
        some = twins[start : start + AT_ONCE]
        ids = list(dict.fromkeys(name for pair in some for name in (pair.left, pair.right)))
        pictures = dict(zip(ids, thumbnails(ids), strict=True))
        yield from (pair for pair in some if alike(pictures[pair.left], pictures[pair.right]))
