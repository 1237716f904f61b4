"""The description and the tables of a dataset, written once its images are."""

import logging
from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ldm_pipelines.data.boxes import Box
from ldm_pipelines.data.description import Description
from ldm_pipelines.data.journal import Outcome
from ldm_pipelines.data.manifest import BOXES, REJECTED, write_boxes, write_manifest, write_rejected
from ldm_pipelines.data.sources.listing import Candidate, Listing, Refused
from ldm_pipelines.data.spec import Dataset
from ldm_pipelines.data.splits import SPLITS
from ldm_pipelines.errors import InputError

LABEL_COLUMN = 11
"""The label's place in the manifest: behind what is known of every image by itself."""

logger = logging.getLogger(__name__)


def write_tables(dataset: Dataset, listing: Listing, outcomes: dict[int, Outcome], folder: Path) -> None:
    """Writes the description and the tables of a dataset whose images are in ``folder``; removes leftovers.

    ``outcomes`` are by position in the listing. Raises ``InputError`` when no image is left.
    """
    kept: list[dict[str, Any]] = []
    entries: list[Candidate] = []
    rejected: list[tuple[str, str]] = []
    for number, entry in enumerate(listing.entries):
        if isinstance(entry, Refused):
            rejected.append((entry.origin, entry.reason))
        elif (reason := outcomes[number].reason) is not None:
            rejected.append((entry.origin, reason))
        else:
            kept.append(outcomes[number].columns)
            entries.append(entry)
    names = [entry.label for entry in entries]
    _report(dataset, listing, names, rejected)
    classes = sorted({name for name in names if name is not None})
    index = {name: label for label, name in enumerate(classes)}
    manifest = pd.DataFrame(kept)
    label = np.array([index.get(name or "", -1) for name in names], dtype=np.int64)
    manifest.insert(LABEL_COLUMN, "label", label)
    if any(entry.caption is not None for entry in entries):
        captions = pd.Series([entry.caption for entry in entries], dtype="str")
        manifest.insert(LABEL_COLUMN + 1, "caption", captions)
    write_manifest(manifest, folder)
    boxes_sha256 = _write_boxes(manifest, entries, folder) if listing.box_classes else ""
    write_rejected(pd.DataFrame(rejected, columns=["path", "reason"], dtype="str"), folder)
    Description(
        name=dataset.name,
        source=dataset.source.kind,
        image_size=dataset.image_size,
        resize=dataset.resize,
        classes=classes,
        counts={split: int((manifest["split"] == split).sum()) for split in SPLITS},
        splits=dataset.splits,
        unlabelled=names.count(None),
        rejected=len(rejected),
        ignored=listing.ignored,
        box_classes=[*listing.box_classes],
        boxes_sha256=boxes_sha256,
        map_classes=[*listing.map_classes],
    ).write(folder)
    for kind in ("images", "maps") if listing.map_classes else ("images",):
        _remove_leftovers(folder / kind, keep=set(manifest["id"] + ".png"))


def _write_boxes(manifest: pd.DataFrame, entries: list[Candidate], folder: Path) -> str:
    """Writes ``boxes.parquet`` and returns its SHA-256 (hex)."""
    rows = [(name, box) for name, entry in zip(manifest["id"], entries, strict=True) for box in entry.boxes]
    columns = {
        "id": pd.Series([name for name, _ in rows], dtype="str"),
        "label": np.array([box.label for _, box in rows], dtype=np.int64),
    }
    sides = np.array([box[1:] for _, box in rows], dtype=np.float64).reshape(-1, 4).T
    write_boxes(pd.DataFrame(columns | dict(zip(Box._fields[1:], sides, strict=True))), folder)
    return sha256((folder / BOXES).read_bytes()).hexdigest()


def _report(dataset: Dataset, listing: Listing, names: list[str | None], rejected: list[tuple[str, str]]) -> None:
    """Logs what was left out; raises ``InputError`` when nothing is left."""
    ignored = ", ".join(f"{count} {kind}" for kind, count in listing.ignored.items())
    if ignored:
        logger.info("dataset %r: files passed over: %s", dataset.name, ignored)
    examples = "; ".join(
        f"{count} x {reason!r}" for reason, count in Counter(reason for _, reason in rejected).most_common(3)
    )
    if not names:
        found = (
            f"all {len(rejected)} were rejected ({examples}; first: {rejected[0][0]!r})" if rejected else "none found"
        )
        seen = f"; files passed over: {ignored}" if ignored else ""
        raise InputError(f"dataset {dataset.name!r} has no usable image: {found}{seen}")
    if rejected:
        message = "dataset %r: %d of %d images rejected, listed with reasons in %s: %s"
        logger.warning(message, dataset.name, len(rejected), len(listing.entries), REJECTED, examples)
    if 0 < names.count(None) < len(names):
        logger.warning("dataset %r: %d of %d images have no class", dataset.name, names.count(None), len(names))


def _remove_leftovers(folder: Path, keep: set[str]) -> None:
    """Files of an earlier, unfinished run that no row names."""
    for file in folder.iterdir():
        if file.name not in keep:
            file.unlink()
