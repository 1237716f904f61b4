"""Parquet files as the Hugging Face Hub lays them out. A shard is a row group; images are not read while listing."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ldm_pipelines.data.originals import Location
from ldm_pipelines.errors import InputError
from ldm_pipelines.preparation.listing.containers import caption_of, find
from ldm_pipelines.preparation.listing.entries import Candidate, Entry, Listing, Refused, Shard
from ldm_pipelines.preparation.listing.files import Signatures, Unusable, numbered, printable, refuse
from ldm_pipelines.preparation.listing.missing import missing
from ldm_pipelines.preparation.listing.parquet_columns import (
    class_names,
    image_column,
    label_of,
    rows_without_bytes,
    texts,
    values,
)
from ldm_pipelines.preparation.listing.parquet_names import absent_parts, split_of
from ldm_pipelines.preparation.source_specs.parquet import ParquetSource

GET = "the data set's Parquet files, from its repository on the Hugging Face Hub (its card states the licence)"
LAYOUT = """
data/train-00000-of-00002.parquet
data/train-00001-of-00002.parquet
data/validation-00000-of-00001.parquet
data/test-00000-of-00001.parquet
"""
DAMAGE = (pa.ArrowException, OSError)
DAMAGED = "no Parquet file, or a damaged one; download it again"

Classes = tuple[str, ...] | None


def list_images(source: ParquetSource, raw: Path | None, name: str, image_size: int) -> Listing:
    """Rows by file (numbers in their order) and row group.

    Raises ``InputError`` for columns that are missing or of other types, file names without a split, and classes that
    differ between files. Damaged files, and parts (``00003-of-00005``) that are not there, are refused entries.
    """
    if raw is None or not raw.is_dir():
        raise missing(name, raw, "the dataset's folder", GET, LAYOUT)
    key = f"dataset {name!r}: source"
    paths = find(raw, source.files, f"{key}.files")
    if not paths:
        raise missing(name, raw, f"a file that matches {source.files!r}", GET, LAYOUT)
    splits = {path: split_of(path, source.splits, f"{key}.splits") for path in paths}
    kept = [path for path in paths if splits[path] is not None]
    classes: dict[str, Classes] = {}
    shards = [shard for path in kept for shard in _shards(source, raw, path, splits[path], classes)]
    shards += refuse(absent_parts(raw, kept), "there is no such file, but others are numbered so")
    ignored = {"Parquet files of no split": len(paths) - len(kept)} if len(kept) < len(paths) else {}
    return Listing(numbered(shards), classes=_same_classes(classes), ignored=ignored)


def _shards(
    source: ParquetSource, raw: Path, path: str, split: str | None, classes: dict[str, Classes]
) -> Iterator[Shard]:
    """One for each row group of the file, whose class names are added to ``classes``."""
    try:
        signature = Signatures(raw).of(path)
        with pq.ParquetFile(raw / path) as file:
            image_column(file.schema_arrow, source, path)
            classes[path] = class_names(file.schema_arrow, source, path)
            sizes = [file.metadata.row_group(group).num_rows for group in range(file.metadata.num_row_groups)]
    except Unusable as reason:
        yield from refuse([path], str(reason))
        return
    except DAMAGE:
        yield from refuse([path], DAMAGED)
        return
    row = 0
    for group, size in enumerate(sizes):
        entries = partial(_entries, source, raw, path, group, row, size, split)
        yield Shard(entries, f"{printable(path)}[{row}]", f"{signature}-{group}", size)
        row += size


def _same_classes(classes: dict[str, Classes]) -> Classes:
    """Raises ``InputError`` where files name other classes: a number would then mean different things."""
    paths = [*classes]
    for path in paths[1:]:
        if classes[path] != classes[paths[0]]:
            raise InputError(f"{path} and {paths[0]} name different classes; keep only files of one data set together")
    return classes[paths[0]] if paths else None


def _entries(
    source: ParquetSource, raw: Path, path: str, group: int, first_row: int, size: int, split: str | None
) -> Iterator[Entry]:
    """One for each row of the group. Only its labels and captions are read."""
    origins = [f"{printable(path)}[{first_row + row}]" for row in range(size)]
    try:
        signature = Signatures(raw).of(path)
        with pq.ParquetFile(raw / path) as file:
            column = image_column(file.schema_arrow, source, path)
            names = class_names(file.schema_arrow, source, path)
            labels = [None] * size if source.label is None else values(file, group, source.label)
            captions = [None] * size if source.caption is None else texts(file, group, source.caption)
            empty = rows_without_bytes(file, group, column)
    except Unusable as reason:
        yield from (Refused(origin, str(reason)) for origin in origins)
        return
    except DAMAGE:
        yield from (Refused(origin, f"row group {group}: {DAMAGED}") for origin in origins)
        return
    for row, origin in enumerate(origins):
        if empty[row]:
            yield Refused(origin, f"the row has no image (column {column!r} is null)")
            continue
        try:
            label = label_of(labels[row], names)
        except Unusable as reason:
            yield Refused(origin, str(reason))
            continue
        member = f"{group}:{row}:{column}"
        yield Candidate(origin, label, location=Location(path, member), signature=f"{signature}-{member}", split=split,
                        caption=caption_of(captions[row]))  # fmt: skip
