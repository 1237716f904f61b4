"""Places365 as published: lists with an image and a category number a line, and folders of images."""

import re
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path

from ldm_pipelines.data.originals import NotInside, Originals, check_relative
from ldm_pipelines.errors import InputError
from ldm_pipelines.preparation.listing.entries import SHARD, Candidate, Listing, Refused, Shard
from ldm_pipelines.preparation.listing.files import Signatures, file_entry, inside, printable
from ldm_pipelines.preparation.listing.missing import missing
from ldm_pipelines.preparation.source_specs.places365 import Places365Source

GET = (
    "Places365's lists and its archives of training and validation images from the Places project's page (for "
    "non-commercial research and teaching; the photographs belong to others), unpacked"
)
LAYOUT = """
{categories}
{train_list}
{validation_list}
{train_images}/a/airfield/00000001.jpg ...     (as unpacked it is called data_large or data_256: rename it)
{validation_images}/Places365_val_00000001.jpg ...
"""
LINE = re.compile(rb"(?P<path>.+?)\s+(?P<index>\d{1,6})")
INITIAL = re.compile(r"^/?[a-z]/")
"""What stands before a category's name: the folder of its first letter."""


def list_images(source: Places365Source, raw: Path | None, name: str, image_size: int) -> Listing:
    """The lists' images in the lists' order; the class is the category: ``airfield``, ``bus_station/indoor``.

    Lists are read once here, to check them, and again shard by shard: nothing of them is kept. Raises ``InputError``
    where a file or folder is not there, and with file and line for what is no such list.
    """
    layout = LAYOUT.format(**source.model_dump())
    if raw is None or not raw.is_dir():
        raise missing(name, raw, "the folder of Places365", GET, layout)
    for file in (source.categories, source.train_list, source.validation_list):
        if not inside(raw, file, f"dataset {name!r}").is_file():
            raise missing(name, raw, f"the list {file}", GET, layout)
    for folder in (source.train_images, source.validation_images):
        if not inside(raw, folder, f"dataset {name!r}").is_dir():
            raise missing(name, raw, f"the folder of images {folder}", GET, layout)
    classes = _classes(inside(raw, source.categories, f"dataset {name!r}"))
    shards: list[Shard] = []
    for split, file, folder in (
        ("train", source.train_list, source.train_images),
        ("validation", source.validation_list, source.validation_images),
    ):
        shards += _shards(raw, file, folder, split, classes, sum(shard.size or 0 for shard in shards))
    if not shards:
        raise InputError(f"dataset {name!r}: the lists {source.train_list} and {source.validation_list} are empty")
    return Listing(shards, classes=classes)


def _classes(file: Path) -> tuple[str, ...]:
    """Names of the categories in the order of their numbers, which must be 0, 1, 2, ..."""
    names: dict[int, str] = {}
    with file.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            if not line.strip():
                continue
            path, index = _fields(line, file, number)
            label = INITIAL.sub("", path)
            if index in names or label in names.values():
                raise InputError(
                    f"{file}: line {number}: the category {label!r} or its number {index} is there already"
                )
            names[index] = label
    if sorted(names) != list(range(len(names))):
        raise InputError(f"{file}: the numbers of {len(names)} categories must be 0 to {len(names) - 1}, each once")
    return tuple(names[index] for index in range(len(names)))


def _fields(line: bytes, file: Path, number: int) -> tuple[str, int]:
    """Path and number of a line."""
    match = LINE.fullmatch(line.strip())
    try:
        if match:
            return match["path"].decode(), int(match["index"])
    except UnicodeDecodeError:
        pass
    shown = line.strip()[:80].decode(errors="backslashreplace")
    expected = "a path and a number, as in '/a/airfield/00000001.jpg 0'"
    raise InputError(f"{file}: line {number} is {shown!r}; expected {expected}")


def _shards(raw: Path, file: str, folder: str, split: str, classes: tuple[str, ...], first: int) -> Iterator[Shard]:
    """A shard for every so many lines: where they begin in the file, and how many they are."""
    path = Originals(raw).path(file)
    with path.open("rb") as stream:
        offset, start = 0, 1
        while lines := list(islice(stream, SHARD)):
            size = sum(1 for number, line in enumerate(lines, start) if _checked(line, path, number, classes))
            if size:
                chunk = (offset, start, len(lines))
                entries = partial(_entries, raw, file, folder, split, classes, chunk)
                yield Shard(entries, name=f"{file} from line {start}", size=size, first=first)
            offset, start, first = offset + sum(map(len, lines)), start + len(lines), first + size


def _checked(line: bytes, path: Path, number: int, classes: tuple[str, ...]) -> bool:
    """Whether the line, which must be well formed, names an image."""
    if not line.strip():
        return False
    index = _fields(line, path, number)[1]
    if index >= len(classes):
        raise InputError(f"{path}: line {number}: there is no category {index}; the last one is {len(classes) - 1}")
    return True


def _entries(
    raw: Path, file: str, folder: str, split: str, classes: tuple[str, ...], chunk: tuple[int, int, int]
) -> Iterator[Candidate | Refused]:
    """``chunk``: offset in bytes, number of the first line, number of lines."""
    files = Signatures(raw)
    path = Originals(raw).path(file)
    offset, start, count = chunk
    with path.open("rb") as stream:
        stream.seek(offset)
        lines = list(islice(stream, count))
    for number, line in enumerate(lines, start):
        if _checked(line, path, number, classes):
            name, index = _fields(line, path, number)
            yield _entry(files, folder, name.removeprefix("/"), classes[index], split, f"line {number} of {file}")


def _entry(files: Signatures, folder: str, name: str, label: str, split: str, where: str) -> Candidate | Refused:
    try:
        check_relative(name)
    except NotInside as reason:
        return Refused(printable(f"{folder}/{name}"), f"{where}: {reason}")
    absent = f"{where}: there is no such file"
    return file_entry(files, f"{folder}/{name}", label=label, split=split, absent=absent)
