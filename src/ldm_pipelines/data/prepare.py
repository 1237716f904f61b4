"""From a source to a prepared dataset: decode, check, crop, resize, split, write."""

import json
import shutil
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import PIL
from PIL import Image
from tqdm import tqdm

from ldm_pipelines.data.decoding import Undecodable, decode
from ldm_pipelines.data.journal import Journal, Outcome
from ldm_pipelines.data.resizing import resize_and_crop
from ldm_pipelines.data.sources import digits, image_folder, photos, scenes
from ldm_pipelines.data.sources.listing import Candidate, Listing
from ldm_pipelines.data.spec import Dataset, Splits
from ldm_pipelines.data.splits import assign_split, pixel_hash
from ldm_pipelines.data.tables import write_tables
from ldm_pipelines.errors import InputError

SOURCES: dict[str, Callable[[Any, Path | None, str, int], Listing]] = {
    "digits": digits.list_images,
    "image_folder": image_folder.list_images,
    "photos": photos.list_images,
    "scenes": scenes.list_images,
}
LAYOUT = 1
"""Raise it when the same source would give other files: unfinished work of an older layout is then not continued."""
ALL_TRAIN = Splits(train=1, validation=0, test=0)
BATCH = 256
"""Images between two entries of the journal."""


def prepare(dataset: Dataset, raw: Path | None, workspace: Path, progress: bool = True) -> Path:
    """Writes ``workspace/artefact``: ``images/ID.png``, ``manifest.parquet``, ``rejected.parquet``, ``dataset.json``.

    A source with boxes adds ``boxes.parquet``, one with semantic maps adds ``maps/ID.png`` (8 bits, class indices).

    Killed and called again with the same workspace, it goes on where it was; source files that changed meanwhile are
    read again. What cannot be used is listed with its reason and warned about.
    Raises ``InputError`` when the raw folder is missing or no usable image is left.
    """
    listing = SOURCES[dataset.source.kind](dataset.source, raw, dataset.name, dataset.image_size)
    artefact, partial = workspace / "artefact", workspace / "partial"
    if artefact.exists():
        shutil.rmtree(partial, ignore_errors=True)
        artefact.rename(partial)
    (partial / "images").mkdir(parents=True, exist_ok=True)
    if listing.map_classes:
        (partial / "maps").mkdir(exist_ok=True)
    header = json.dumps([LAYOUT, PIL.__version__, dataset.model_dump_json()])
    outcomes = _prepare_images(dataset, listing, partial, Journal(workspace / "journal.jsonl", header), progress)
    write_tables(dataset, listing, outcomes, partial)
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
        "split": candidate.split or assign_split(hashed, dataset.splits or ALL_TRAIN),
    }
    if candidate.boxes or candidate.draw_map:
        _check_square(image, candidate, dataset)
    if candidate.draw_map:
        png = _png_bytes(Image.fromarray(candidate.draw_map(dataset.image_size)))
        (folder / f"maps/{identity}.png").write_bytes(png)
        columns["map_sha256"] = sha256(png).hexdigest()
    return Outcome(number, candidate.origin, candidate.signature, columns=columns)


def _png_bytes(image: Image.Image) -> bytes:
    """A PNG without metadata, so that the same pixels always give the same bytes."""
    buffer = BytesIO()
    Image.fromarray(np.asarray(image)).save(buffer, format="PNG", compress_level=6)
    return buffer.getvalue()


def _check_square(image: Image.Image, candidate: Candidate, dataset: Dataset) -> None:
    """The crop to a square would move boxes and maps, which are those of the whole image."""
    if image.width != image.height:
        raise InputError(
            f"dataset {dataset.name!r}: {candidate.origin} has boxes or a semantic map and is {image.width} x "
            f"{image.height} pixels; only square images can have them, so crop it (and them) to a square first"
        )


def _still_valid(outcome: Outcome, folder: Path) -> bool:
    if outcome.reason is not None:  # worth another look: the cause may have been cured
        return False
    files = {outcome.columns["path"]: outcome.columns["sha256"]}
    if "map_sha256" in outcome.columns:
        files[f"maps/{outcome.columns['id']}.png"] = outcome.columns["map_sha256"]
    return all(_has_digest(folder / path, digest) for path, digest in files.items())


def _has_digest(file: Path, digest: str) -> bool:
    return file.is_file() and sha256(file.read_bytes()).hexdigest() == digest
