"""From a source to a prepared dataset: decode, check, crop, resize, split, write."""

import json
import logging
import shutil
import warnings
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import PIL
from PIL import Image
from tqdm import tqdm

from ldm_pipelines.data.decoding import Undecodable, decode
from ldm_pipelines.data.description import Description
from ldm_pipelines.data.journal import Journal, Outcome
from ldm_pipelines.data.manifest import REJECTED, write_manifest, write_rejected
from ldm_pipelines.data.resizing import resize_and_crop
from ldm_pipelines.data.sources import digits, image_folder
from ldm_pipelines.data.sources.listing import Candidate, Listing, Refused
from ldm_pipelines.data.spec import Dataset
from ldm_pipelines.data.splits import SPLITS, assign_split, pixel_hash
from ldm_pipelines.errors import InputError

SOURCES: dict[str, Callable[[Any, Path | None, str], Listing]] = {
    "digits": digits.list_images,
    "image_folder": image_folder.list_images,
}
LAYOUT = 1
"""Raise it when the same source would give other files: unfinished work of an older layout is then not continued."""
BATCH = 256
"""Images between two entries of the journal."""

logger = logging.getLogger(__name__)


def prepare(dataset: Dataset, raw: Path | None, workspace: Path, progress: bool = True) -> Path:
    """Writes ``workspace/artefact``: ``images/ID.png``, ``manifest.parquet``, ``rejected.parquet``, ``dataset.json``.

    Killed and called again with the same workspace, it goes on where it was; source files that changed meanwhile are
    read again. What cannot be used is listed with its reason and warned about.
    Raises ``InputError`` when the raw folder is missing or no usable image is left.
    """
    listing = SOURCES[dataset.source.kind](dataset.source, raw, dataset.name)
    artefact, partial = workspace / "artefact", workspace / "partial"
    if artefact.exists():
        shutil.rmtree(partial, ignore_errors=True)
        artefact.rename(partial)
    (partial / "images").mkdir(parents=True, exist_ok=True)
    header = json.dumps([LAYOUT, PIL.__version__, dataset.model_dump_json()])
    outcomes = _prepare_images(dataset, listing, partial, Journal(workspace / "journal.jsonl", header), progress)
    _write_tables(dataset, listing, outcomes, partial)
    partial.rename(artefact)
    return artefact


def _prepare_images(
    dataset: Dataset, listing: Listing, folder: Path, journal: Journal, progress: bool
) -> dict[int, Outcome]:
    """Outcomes by position in the listing. Threads suffice: Pillow works outside the interpreter lock."""

    def work(numbered: tuple[int, Candidate]) -> Outcome:
        number, candidate = numbered
        known = journal.find(number, candidate.origin, candidate.signature)
        if known is not None and _still_valid(known, folder):
            return known
        return _prepare_image(dataset, number, candidate, folder)

    candidates = [(n, entry) for n, entry in enumerate(listing.entries) if isinstance(entry, Candidate)]
    outcomes: list[Outcome] = []
    with (
        warnings.catch_warnings(),
        ThreadPoolExecutor() as pool,
        tqdm(total=len(candidates), desc=f"prepare {dataset.name}", unit="image", disable=not progress) as bar,
    ):
        warnings.filterwarnings("ignore", module="PIL")  # damage is reported in rejected.parquet, bombs included
        for start in range(0, len(candidates), BATCH):
            batch = list(pool.map(work, candidates[start : start + BATCH]))
            journal.append(batch)
            outcomes += batch
            bar.update(len(batch))
    return {outcome.number: outcome for outcome in outcomes}


def _prepare_image(dataset: Dataset, number: int, candidate: Candidate, folder: Path) -> Outcome:
    try:
        image, source_mode = decode(candidate.open)
    except Undecodable as reason:
        return Outcome(number, candidate.origin, candidate.signature, reason=str(reason))
    square = resize_and_crop(image, dataset.image_size, dataset.resize)
    hashed = pixel_hash(np.asarray(square))
    identity = f"{number:07d}-{hashed[:8]}"
    png = _png_bytes(square)
    path = f"images/{identity}.png"
    (folder / path).write_bytes(png)
    columns = {
        "id": identity,
        "path": path,
        "origin": candidate.origin,
        "source_mode": source_mode,
        "source_width": image.width,
        "source_height": image.height,
        "width": square.width,
        "height": square.height,
        "sha256": sha256(png).hexdigest(),
        "pixels": hashed,
        "split": assign_split(hashed, dataset.splits),
    }
    return Outcome(number, candidate.origin, candidate.signature, columns=columns)


def _png_bytes(image: Image.Image) -> bytes:
    """A PNG without metadata, so that the same pixels always give the same bytes."""
    buffer = BytesIO()
    Image.fromarray(np.asarray(image)).save(buffer, format="PNG", compress_level=6)
    return buffer.getvalue()


def _still_valid(outcome: Outcome, folder: Path) -> bool:
    if outcome.reason is not None:  # worth another look: the cause may have been cured
        return False
    file = folder / outcome.columns["path"]
    return file.is_file() and sha256(file.read_bytes()).hexdigest() == outcome.columns["sha256"]


def _write_tables(dataset: Dataset, listing: Listing, outcomes: dict[int, Outcome], folder: Path) -> None:
    kept: list[dict[str, Any]] = []
    names: list[str | None] = []
    rejected: list[tuple[str, str]] = []
    for number, entry in enumerate(listing.entries):
        if isinstance(entry, Refused):
            rejected.append((entry.origin, entry.reason))
        elif (reason := outcomes[number].reason) is not None:
            rejected.append((entry.origin, reason))
        else:
            kept.append(outcomes[number].columns)
            names.append(entry.label)
    _report(dataset, listing, names, rejected)
    classes = sorted({name for name in names if name is not None})
    index = {name: label for label, name in enumerate(classes)}
    manifest = pd.DataFrame(kept).assign(label=np.array([index.get(name or "", -1) for name in names], dtype=np.int64))
    write_manifest(manifest, folder)
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
    ).write(folder)
    _remove_leftovers(folder / "images", keep=set(manifest["path"].str.removeprefix("images/")))


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


def _remove_leftovers(images: Path, keep: set[str]) -> None:
    """Files of an earlier, unfinished run that no row names."""
    for file in images.iterdir():
        if file.name not in keep:
            file.unlink()
