"""The description and the tables of a dataset, written once its images are."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from ldm_pipelines.data.boxes import Box
from ldm_pipelines.data.description import Description
from ldm_pipelines.data.manifest import BOXES, REJECTED, manifest_model, write_boxes, write_manifest, write_rejected
from ldm_pipelines.data.splits import SPLITS
from ldm_pipelines.errors import InputError
from ldm_pipelines.preparation.journal import Outcome
from ldm_pipelines.preparation.listing.entries import Listing
from ldm_pipelines.preparation.spec import Dataset

ROWS = 2**11
"""Of a table in memory at once as Python objects."""

Item = TypeVar("Item")
logger = logging.getLogger(__name__)


class _Summary:
    """What has to be known of all images before the first row is written; its size is that of the classes."""

    def __init__(self, outcomes: Iterable[Outcome]) -> None:
        self.labels: Counter[str | None] = Counter()
        self.splits: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.first_rejected = ""
        self.captions = False
        for outcome in outcomes:
            if outcome.reason is not None:
                self.reasons[outcome.reason] += 1
                self.first_rejected = self.first_rejected or outcome.origin
            else:
                self.labels[outcome.label] += 1
                self.splits[outcome.columns["split"]] += 1
                self.captions |= outcome.caption is not None

    @property
    def kept(self) -> int:
        return self.labels.total()

    @property
    def rejected(self) -> int:
        return self.reasons.total()


def write_tables(dataset: Dataset, listing: Listing, outcomes: Callable[[], Iterator[Outcome]], folder: Path) -> None:
    """Writes the description and the tables of a dataset whose images are in ``folder``; removes leftovers.

    ``outcomes`` gives all of them, in the source's order, whenever it is called. Raises ``InputError`` when no image is
    left, or an image has a class that the source does not know of.
    """
    summary = _Summary(outcomes())
    _report(dataset, listing, summary)
    classes = _classes(dataset, listing, summary)
    kept = (outcome for outcome in outcomes() if outcome.reason is None)
    place = {name: label for label, name in enumerate(classes)}
    write_manifest((_rows(chunk, place, summary.captions) for chunk in _chunks(kept)), folder)
    boxes_sha256 = _write_boxes(outcomes(), folder) if listing.box_classes else ""
    rejected = ((outcome.origin, outcome.reason) for outcome in outcomes() if outcome.reason is not None)
    columns = ["path", "reason"]
    write_rejected((pd.DataFrame(chunk, columns=columns, dtype="str") for chunk in _chunks(rejected)), folder)
    in_place = dataset.storage == "in_place"
    Description(
        name=dataset.name,
        source=dataset.source.kind,
        image_size=dataset.image_size,
        resize=dataset.resize,
        classes=classes,
        counts={split: summary.splits[split] for split in SPLITS},
        splits=dataset.splits,
        split_by=listing.split_by,
        unlabelled=summary.labels[None],
        rejected=summary.rejected,
        ignored=dict(listing.ignored),
        box_classes=[*listing.box_classes],
        boxes_sha256=boxes_sha256,
        map_classes=[*listing.map_classes],
        in_place=in_place,
        crop_first=dataset.crop_first and in_place,
        random_crop=dataset.random_crop,
        shuffle_shards=dataset.shuffle_shards,
        map_shift=listing.map_shift if in_place else 0,
    ).write(folder)
    _remove_leftovers(folder, [] if in_place else ["images", "maps"] if listing.map_classes else ["images"], outcomes())


def _classes(dataset: Dataset, listing: Listing, summary: _Summary) -> list[str]:
    found = {name for name in summary.labels if name is not None}
    if listing.classes is None:
        return sorted(found)
    if unknown := sorted(found - set(listing.classes)):
        raise InputError(f"dataset {dataset.name!r}: images have class {unknown[0]!r}, which its class list lacks")
    return [*listing.classes]


def _chunks(items: Iterable[Item]) -> Iterator[list[Item]]:
    """At least one, perhaps an empty one: a table has its columns also without rows."""
    iterator = iter(items)
    chunk = list(islice(iterator, ROWS))
    yield chunk
    while chunk := list(islice(iterator, ROWS)):
        yield chunk


def _rows(chunk: list[Outcome], classes: dict[str, int], captions: bool) -> pd.DataFrame:
    frame = pd.DataFrame([outcome.columns for outcome in chunk])
    frame["label"] = np.array([classes.get(outcome.label or "", -1) for outcome in chunk], dtype=np.int64)
    if captions:
        frame["caption"] = pd.Series([outcome.caption for outcome in chunk], dtype="str")
    return frame[[name for name in manifest_model(frame.columns).to_schema().columns if name in frame]]


def _write_boxes(outcomes: Iterable[Outcome], folder: Path) -> str:
    """Writes ``boxes.parquet`` and returns its SHA-256 (hex)."""
    kept = (outcome for outcome in outcomes if outcome.reason is None)
    write_boxes((_boxes(chunk) for chunk in _chunks(kept)), folder)
    return sha256((folder / BOXES).read_bytes()).hexdigest()


def _boxes(chunk: list[Outcome]) -> pd.DataFrame:
    rows: list[tuple[Any, Any]] = [(outcome.columns["id"], box) for outcome in chunk for box in outcome.boxes]
    columns = {
        "id": pd.Series([name for name, _ in rows], dtype="str"),
        "label": np.array([box[0] for _, box in rows], dtype=np.int64),
    }
    sides = np.array([box[1:] for _, box in rows], dtype=np.float64).reshape(-1, 4).T
    return pd.DataFrame(columns | dict(zip(Box._fields[1:], sides, strict=True)))


def _report(dataset: Dataset, listing: Listing, summary: _Summary) -> None:
    """Logs what was left out; raises ``InputError`` when nothing is left."""
    ignored = ", ".join(f"{count} {kind}" for kind, count in listing.ignored.items())
    if ignored:
        logger.info("dataset %r: files passed over: %s", dataset.name, ignored)
    examples = "; ".join(f"{count} x {reason!r}" for reason, count in summary.reasons.most_common(3))
    if not summary.kept:
        found = (
            f"all {summary.rejected} were rejected ({examples}; first: {summary.first_rejected!r})"
            if summary.rejected
            else "none found"
        )
        seen = f"; files passed over: {ignored}" if ignored else ""
        raise InputError(f"dataset {dataset.name!r} has no usable image: {found}{seen}")
    if summary.rejected:
        message = "dataset %r: %d of %d images rejected, listed with reasons in %s: %s"
        total = summary.kept + summary.rejected
        logger.warning(message, dataset.name, summary.rejected, total, REJECTED, examples)
    if 0 < summary.labels[None] < summary.kept:
        logger.warning("dataset %r: %d of %d images have no class", dataset.name, summary.labels[None], summary.kept)


def _remove_leftovers(folder: Path, kinds: list[str], outcomes: Iterable[Outcome]) -> None:
    """Files of an earlier, unfinished run that no row names."""
    if not kinds:
        return
    keep = {f"{outcome.columns['id']}.png" for outcome in outcomes if outcome.reason is None}
    for kind in kinds:
        for file in (folder / kind).iterdir():
            if file.name not in keep:
                file.unlink()
