"""LSUN as published: LMDB databases whose keys are the images' names and whose values are the encoded images."""

from collections.abc import Iterator
from functools import partial
from hashlib import sha256
from itertools import islice
from pathlib import Path

import lmdb
import numpy as np

from ldm_pipelines.data.lmdb_environments import environment
from ldm_pipelines.data.originals import DATABASE, Location, Originals
from ldm_pipelines.errors import InputError
from ldm_pipelines.preparation.annotations.split_lists import SPLITS, UNLISTED, SplitLists, split_lists
from ldm_pipelines.preparation.listing.entries import SHARD, Candidate, Listing, Refused, Shard
from ldm_pipelines.preparation.listing.files import inside, signature
from ldm_pipelines.preparation.listing.missing import missing
from ldm_pipelines.preparation.source_specs.lsun import LsunSource

LEFT_OUT = len(SPLITS)
"""In the codes of a range of keys, one byte for each: an index into ``SPLITS``, or this."""
GET = (
    "the category's training and validation archives from LSUN's page (for research; the photographs belong to "
    "others), unpacked; the two lists are in the released code of latent diffusion"
)
LAYOUT = """
{train}/
    data.mdb
{validation}/
    data.mdb             (not needed with the two lists)
{train_list}    (optional)
{validation_list}      (optional)
"""


def list_images(source: LsunSource, raw: Path | None, name: str, image_size: int) -> Listing:
    """Images in the order of their keys; a shard is a range of keys. Keys are walked once, no value is touched.

    With both lists present, only the training database is read, and what they do not name is left out. Images have no
    class. Raises ``InputError`` where a database is not there or damaged, and for unusable lists.
    """
    databases = {"train": f"{source.category}_train_lmdb", "validation": f"{source.category}_val_lmdb"}
    train_list = source.train_list or f"{source.category}_train.txt"
    validation_list = source.validation_list or f"{source.category}_val.txt"
    layout = LAYOUT.format(train=databases["train"], validation=databases["validation"],
                           train_list=train_list, validation_list=validation_list)  # fmt: skip
    if raw is None or not raw.is_dir():
        raise missing(name, raw, "the folder of LSUN's databases", GET, layout)
    key = f"dataset {name!r}: source"
    lists = split_lists(
        inside(raw, train_list, f"{key}.train_list"), inside(raw, validation_list, f"{key}.validation_list")
    )
    used = {"train": databases["train"]} if lists is not None else databases
    for database in used.values():
        inside(raw, database, f"{key}.category")
        if not inside(raw, f"{database}/{DATABASE}", f"{key}.category").is_file():
            raise missing(name, raw, f"the database {database}/{DATABASE}", GET, layout)
    shards: list[Shard] = []
    unlisted = 0
    for split, database in used.items():
        for first_key, codes in _ranges(raw, database, split, lists):
            left_out = codes.count(LEFT_OUT)
            unlisted += left_out
            if left_out < len(codes):
                shards.append(_shard(raw, database, first_key, codes, _end(shards)))
    if lists is not None:
        shards += lists.absent(first=_end(shards))
    by = f"the databases' own, without {train_list} and {validation_list}"
    if lists is not None:
        by = f"by {train_list} and {validation_list}, of the training database"
    return Listing(shards, ignored={"unlisted images": unlisted} if unlisted else {}, split_by=by)


def _ranges(raw: Path, database: str, split: str, lists: SplitLists | None) -> Iterator[tuple[bytes, bytes]]:
    """First key and codes of every range of keys."""
    try:
        with environment(Originals(raw).path(f"{database}/{DATABASE}")) as opened, opened.begin() as transaction:
            keys = transaction.cursor().iternext(keys=True, values=False)
            while chunk := [bytes(key) for key in islice(keys, SHARD)]:
                yield chunk[0], _codes(chunk, split, lists)
    except (lmdb.Error, ValueError) as error:
        raise InputError(f"{raw / database} cannot be read: {error}; get it again") from error


def _codes(keys: list[bytes], split: str, lists: SplitLists | None) -> bytes:
    if lists is None:
        return bytes([SPLITS.index(split)]) * len(keys)
    found = lists.find(keys)
    return np.where(found == UNLISTED, LEFT_OUT, found).astype(np.uint8).tobytes()


def _shard(raw: Path, database: str, first_key: bytes, codes: bytes, first: int) -> Shard:
    return Shard(
        partial(_entries, raw, database, first_key, codes),
        name=f"{database}/{_printable(first_key)}",
        signature=f"{_signature(raw, database)}-{sha256(codes).hexdigest()[:16]}",  # the lists are not in the database
        size=len(codes) - codes.count(LEFT_OUT),
        first=first,
    )


def _end(shards: list[Shard]) -> int:
    """Position behind the last shard's entries."""
    return (shards[-1].first or 0) + (shards[-1].size or 0) if shards else 0


def _entries(raw: Path, database: str, first_key: bytes, codes: bytes) -> Iterator[Candidate | Refused]:
    container = _signature(raw, database)
    for (key, length), code in zip(_read_range(raw, database, first_key, len(codes)), codes, strict=True):
        origin = f"{database}/{_printable(key)}"
        if code == LEFT_OUT:
            continue
        if not key.isascii():
            yield Refused(origin, "the key is not ASCII, so it is none of LSUN's")
            continue
        yield Candidate(
            origin,
            label=None,
            location=Location(database, key.decode()),
            signature=f"{container}-{length}",
            split=SPLITS[code],
        )


def _read_range(raw: Path, database: str, first_key: bytes, count: int) -> list[tuple[bytes, int]]:
    """Keys and their values' lengths, ``count`` of them from ``first_key`` on."""
    file = Originals(raw).path(f"{database}/{DATABASE}")
    with environment(file) as opened, opened.begin(buffers=True) as transaction:
        cursor = transaction.cursor()
        found = cursor.set_key(first_key)
        keys = [(bytes(key), len(value)) for key, value in islice(cursor.iternext(), count)] if found else []
    if len(keys) != count:
        raise InputError(f"{raw / database} was changed after it was listed; run the command again")
    return keys


def _signature(raw: Path, database: str) -> str:
    return signature(Originals(raw).path(f"{database}/{DATABASE}").stat())


def _printable(key: bytes) -> str:
    return key.decode("ascii", errors="backslashreplace")
