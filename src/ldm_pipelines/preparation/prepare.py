"""From a source to a prepared dataset: its shards in parallel, then one table of all of them."""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from pathlib import Path
from typing import Any

import PIL
from PIL import Image
from tqdm import tqdm

from ldm_pipelines.data.originals import Originals
from ldm_pipelines.data.prepared import PreparedDataset
from ldm_pipelines.data.remote import RemoteFolder
from ldm_pipelines.errors import InputError
from ldm_pipelines.preparation.card.describe import describe
from ldm_pipelines.preparation.card.write import write_card
from ldm_pipelines.preparation.journal import Outcome, read_part
from ldm_pipelines.preparation.listing.entries import Listing
from ldm_pipelines.preparation.shard_work import ShardWork
from ldm_pipelines.preparation.sources import (
    coco,
    digits,
    faces,
    image_folder,
    imagenet,
    lsun,
    openimages,
    paired_folders,
    parquet,
    photos,
    places365,
    scenes,
    webdataset,
)
from ldm_pipelines.preparation.spec import Dataset
from ldm_pipelines.preparation.tables import write_tables
from ldm_pipelines.worker_pool import worker_pool

SOURCES: dict[str, Callable[[Any, Any, str, int], Listing]] = {
    "coco": coco.list_images,
    "digits": digits.list_images,
    "faces": faces.list_images,
    "image_folder": image_folder.list_images,
    "imagenet": imagenet.list_images,
    "lsun": lsun.list_images,
    "openimages": openimages.list_images,
    "paired_folders": paired_folders.list_images,
    "parquet": parquet.list_images,
    "photos": photos.list_images,
    "places365": places365.list_images,
    "scenes": scenes.list_images,
    "webdataset": webdataset.list_images,
}
LAYOUT = 2
"""Raise it when the same source would give other files: unfinished work of an older layout is then not continued."""
AHEAD = 4
"""Shards per process that are handed out before their turn."""


STREAMED = ("webdataset",)
"""Kinds of sources whose raw folder may be behind a URL."""


def prepare(
    dataset: Dataset, raw: Path | RemoteFolder | None, workspace: Path, progress: bool = True, processes: int = 0
) -> Path:
    """Writes ``workspace/artefact``: ``images/ID.png``, ``manifest.parquet``, ``rejected.parquet``, ``dataset.json``.

    A source with boxes adds ``boxes.parquet``, one with semantic maps adds ``maps/ID.png`` (8 bits, class indices).
    With ``storage: in_place`` there are no images and maps: the manifest says where they lie in ``raw``.

    ``processes`` of its own prepare shards side by side; 0 is this process alone, with threads. The result does not
    depend on it, and memory grows by the names of the files alone. Killed and called again with the same workspace, it
    goes on with the first shard that is not done; source files that changed meanwhile are read again. What cannot be
    used is listed with its reason and warned about.
    Raises ``InputError`` when the raw folder is missing or no usable image is left.
    """
    if isinstance(raw, RemoteFolder) and dataset.source.kind not in STREAMED:
        raise InputError(
            f"dataset {dataset.name!r}: only sources of kind {', '.join(STREAMED)} are read from a URL ({raw}); "
            f"download it, and set dataset_paths.{dataset.name} in conf/local/compute.yml to the folder"
        )
    listing = SOURCES[dataset.source.kind](dataset.source, raw, dataset.name, dataset.image_size)
    artefact, partial = workspace / "artefact", workspace / "partial"
    if artefact.exists():
        shutil.rmtree(partial, ignore_errors=True)
        artefact.rename(partial)
    partial.mkdir(parents=True, exist_ok=True)
    if dataset.storage == "packed":
        (partial / "images").mkdir(exist_ok=True)
        if listing.map_classes:
            (partial / "maps").mkdir(exist_ok=True)
    work = ShardWork(
        dataset,
        partial,
        parts=workspace / "parts",
        originals=Originals(raw or Path()),
        map_classes=len(listing.map_classes),
        map_shift=listing.map_shift,
        header=json.dumps([LAYOUT, PIL.__version__, dataset.model_dump_json()]),
    )
    work.parts.mkdir(exist_ok=True)
    _prepare_shards(work, listing, processes, progress)
    for leftover in work.parts.iterdir():  # of a time when the source had more shards
        if leftover.suffix != ".jsonl" or int(leftover.stem) >= len(listing.shards):
            leftover.unlink()
    write_tables(dataset, listing, lambda: outcomes(workspace), partial)
    partial.rename(artefact)
    return artefact


def make_card(folder: Path, raw: Path | RemoteFolder | None, workspace: Path, out: Path) -> Path:
    """The card of what ``prepare`` made in ``workspace``, in the folder ``out``: see ``card.describe``."""
    dataset = PreparedDataset(folder, raw)

    def thumbnails(ids: Sequence[str]) -> list[Image.Image]:
        return [Image.fromarray(pixels) for pixels in dataset.pictures(ids)]

    kept = (outcome for outcome in outcomes(workspace) if outcome.reason is None)
    hashes = ((image.columns["id"], image.columns["split"], int(image.dhash, 16)) for image in kept)
    write_card(describe(folder, hashes, thumbnails), out)
    return out


def outcomes(workspace: Path) -> Iterator[Outcome]:
    """What became of every image, in the order of the source, one at a time; from a workspace of ``prepare``."""
    for part in sorted((workspace / "parts").iterdir()):
        yield from read_part(part)


def _prepare_shards(work: ShardWork, listing: Listing, processes: int, progress: bool) -> None:
    sizes = [shard.size for shard in listing.shards]
    total = sum(size for size in sizes if size is not None) if None not in sizes else None
    with tqdm(total=total, desc=f"prepare {work.dataset.name}", unit="image", disable=not progress) as bar:
        if processes == 0 or listing.one_process or len(listing.shards) < 2:
            for number, shard in enumerate(listing.shards):
                bar.update(work.run(number, shard, threads=True))
            return
        waiting: set[Future[int]] = set()
        with worker_pool(processes) as pool:
            for number, shard in enumerate(listing.shards):
                waiting.add(pool.submit(work.run, number, shard, threads=False))
                if len(waiting) >= AHEAD * processes:
                    done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                    bar.update(sum(future.result() for future in done))
            for future in waiting:
                bar.update(future.result())
