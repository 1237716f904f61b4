"""Tar shards of images with captions, as LAION is downloaded: ``00000.tar`` with ``000000000.jpg`` and ``.txt`` files.

Only headers and captions are read, in one pass over each shard; nothing is unpacked. Shards may lie behind a URL.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from ldm_pipelines.data.originals import Originals
from ldm_pipelines.data.remote import RemoteFolder
from ldm_pipelines.errors import InputError, near_miss
from ldm_pipelines.preparation.listing.containers import find
from ldm_pipelines.preparation.listing.entries import Entry, Listing, Refused, Shard
from ldm_pipelines.preparation.listing.files import Signatures, Unusable, printable, refuse
from ldm_pipelines.preparation.listing.missing import missing
from ldm_pipelines.preparation.listing.webdataset_samples import sample_entries
from ldm_pipelines.preparation.source_specs.webdataset import WebDatasetSource

COMPRESSED = (".gz", ".bz2", ".xz", ".zst")
UNPACK = "a compressed tar file cannot be read at random; unpack it to a .tar file first"
GET = (
    "images and captions as tar shards: LAION publishes addresses and captions (CC BY 4.0; each image has its own "
    "licence), which its tool img2dataset downloads with output format webdataset"
)
LAYOUT = """
00000.tar      (000000000.jpg, 000000000.txt, 000000000.json, 000000001.jpg, ...)
00001.tar
...
"""


def list_images(source: WebDatasetSource, raw: Path | RemoteFolder | None, name: str, image_size: int) -> Listing:
    """The shards in the order of their paths' numbers; each is read when its entries are asked for.

    Raises ``InputError`` where there are no shards, or a pattern of ``splits`` matches none or an other's.
    """
    if raw is None or (isinstance(raw, Path) and not raw.is_dir()):
        raise missing(name, raw, "the dataset's folder", GET, LAYOUT)
    key = f"dataset {name!r}: source.shards"
    paths = find(raw, source.shards, key)
    compressed = [path for suffix in COMPRESSED for path in find(raw, source.shards + suffix, key)]
    compressed += [path for path in paths if not path.lower().endswith(".tar")]
    paths = [path for path in paths if path.lower().endswith(".tar")]
    if not paths and compressed:
        raise InputError(f"{key} {source.shards!r}: {raw}/{compressed[0]} is no plain tar file: {UNPACK}")
    if not paths:
        raise missing(name, raw, f"a shard that matches {source.shards!r}", GET, LAYOUT, unpacked=False)
    splits = _splits(source.splits, paths, f"dataset {name!r}: source.splits")
    signatures = Signatures(raw)
    shards = [shard for path in paths for shard in _shard(source, raw, path, splits.get(path), signatures)]
    return Listing([*shards, *refuse(compressed, UNPACK)])


def _splits(patterns: Mapping[Any, str], paths: list[str], key: str) -> dict[str, str]:
    splits: dict[str, str] = {}
    for split, pattern in patterns.items():
        matching = [path for path in paths if pattern and PurePosixPath(path).match(pattern)]
        if not matching:
            raise InputError(f"{key}.{split}: no shard matches {pattern!r}{near_miss(pattern, paths[:20])}")
        for path in matching:
            if path in splits:
                raise InputError(f"{key}: {path} is in {splits[path]} and in {split}; make one pattern narrower")
            splits[path] = split
    return splits


def _shard(
    source: WebDatasetSource, raw: Path | RemoteFolder, path: str, split: str | None, signatures: Signatures
) -> Iterator[Shard]:
    try:
        signature = signatures.of(path)
    except Unusable as reason:
        yield from refuse([path], str(reason))
    else:
        yield Shard(partial(_entries, source.caption, raw, path, split), name=printable(path), signature=signature)


def _entries(caption: str | None, raw: Path | RemoteFolder, path: str, split: str | None) -> Iterator[Entry]:
    try:
        signature = Signatures(raw).of(path)
        file = Originals(raw).path(path)
    except Unusable as reason:  # since it was listed
        yield Refused(printable(path), str(reason))
    else:
        yield from sample_entries(file, path, signature, split, caption)
