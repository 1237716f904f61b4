"""Images in one folder and their semantic maps in another, as S-FLCKR's landscapes are kept."""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path, PurePosixPath

from ldm_pipelines.data.originals import Location, NotInside, check_relative
from ldm_pipelines.errors import InputError
from ldm_pipelines.preparation.annotations.coco_stuff import CLASSES, UNLABELLED
from ldm_pipelines.preparation.listing.entries import Candidate, Entry, Listing, Refused, Shard
from ldm_pipelines.preparation.listing.files import (
    Names,
    Signatures,
    Unusable,
    images_among,
    inside,
    names_below,
    numbered,
    printable,
    refuse,
    slices,
)
from ldm_pipelines.preparation.listing.missing import missing
from ldm_pipelines.preparation.listing.pairs import look_at_pair, map_name
from ldm_pipelines.preparation.source_specs.paired_folders import PairedFoldersSource

GET = (
    "your own pairs; the landscapes of the paper (S-FLCKR) were never published as a whole: Flickr photographs, each "
    "under its own licence, with maps made by a segmentation model of COCO-Stuff's classes"
)
LAYOUT = """
{images}/
  a.jpg, more/b.jpg, ...
{maps}/
  a.png, more/b.png, ...      (one byte per pixel: the class)
"""


def list_images(source: PairedFoldersSource, raw: Path | None, name: str, image_size: int) -> Listing:
    """Images in the order of their paths (of the lists, if there are any: train, validation, test).

    Images without a map are refused; maps without an image, and images that no list names, are counted.
    ``image_size`` is not needed. Raises ``InputError`` where a folder, a list or the class names are missing or wrong.
    """
    raw = _complete(source, raw, name)
    ignored: Counter[str] = Counter()
    found = names_below(raw / source.images)
    images = images_among(found.files, ignored)
    _count_maps(names_below(raw / source.maps), images, ignored)
    shards = [*_shards(source, raw, images, ignored), *_refuse_links(source, found)]
    return Listing(
        numbered(shards),
        ignored=dict(sorted(ignored.items())),
        map_classes=_classes(source, raw, name),
        map_shift=0 if source.unlabelled is None else 1,
    )


def _complete(source: PairedFoldersSource, raw: Path | None, name: str) -> Path:
    """The raw folder. Raises ``InputError`` unless all that is named in the settings is in it."""
    layout = LAYOUT.format(images=source.images, maps=source.maps) + "".join(
        f"{file}      (one {thing} a line)\n" for _, file, thing in _files(source)
    )
    fail = partial(missing, name, raw, get=GET, layout=layout)
    if raw is None or not raw.is_dir():
        raise fail("the dataset's folder")
    for key, folder in (("images", source.images), ("maps", source.maps)):
        if not inside(raw, folder, f"dataset {name!r}: source.{key}").is_dir():
            raise fail(f"the folder {folder} (source.{key})")
    for key, file, _ in _files(source):
        if not inside(raw, file, f"dataset {name!r}: source.{key}").is_file():
            raise fail(f"the file {file} (source.{key})")
    return raw


def _files(source: PairedFoldersSource) -> list[tuple[str, str, str]]:
    """Text files that the settings name: key, path, and what a line is."""
    files = [(f"lists.{split}", file, "image") for split, file in _lists(source)]
    return files if source.class_names is None else [*files, ("class_names", source.class_names, "class")]


def _lists(source: PairedFoldersSource) -> list[tuple[str, str]]:
    lists = {} if source.lists is None else source.lists.model_dump()
    return [(split, file) for split, file in lists.items() if file is not None]


def _count_maps(found: Names, images: Sequence[str], ignored: Counter[str]) -> None:
    """Counts maps that have no image, and what is no map."""
    wanted = {map_name(image) for image in images}
    for file in found.files:
        if not file.endswith(".png"):
            ignored["files among the maps that are not .png"] += 1
        elif file not in wanted:
            ignored["maps without an image"] += 1


def _shards(source: PairedFoldersSource, raw: Path, images: list[str], ignored: Counter[str]) -> Iterator[Shard]:
    stems = Counter(map(map_name, images))
    ambiguous = {image for image in images if stems[map_name(image)] > 1}
    listed = _listed(source, raw)
    unlisted = 0 if not listed else len(set(images).difference(*listed.values()))
    if unlisted:
        ignored["images in no list"] += unlisted
    for split, names in (listed or {None: images}).items():
        clear = [image for image in names if image not in ambiguous]
        for part in slices(len(clear)):
            entries = partial(_entries, raw, source.images, source.maps, tuple(clear[part]), split)
            yield Shard(entries, name=printable(f"{source.images}/{clear[part][0]}"), size=len(clear[part]))
        unclear = [f"{source.images}/{image}" for image in names if image in ambiguous]
        yield from refuse(
            unclear, "another image differs from it only in the extension, so their map belongs to neither"
        )


def _refuse_links(source: PairedFoldersSource, found: Names) -> Iterator[Shard]:
    links = [f"{source.images}/{link}" for link in found.linked_folders]
    yield from refuse(links, "a link to a folder is not followed; put the folder itself here")


def _listed(source: PairedFoldersSource, raw: Path) -> dict[str | None, list[str]]:
    """Sorted images by split. Raises ``InputError`` naming list and line."""
    lists: dict[str | None, list[str]] = {}
    first: dict[str, str] = {}
    for split, relative in _lists(source):
        lists[split] = []
        for number, line in enumerate(_lines(raw / relative), start=1):
            if not line:
                continue
            try:
                check_relative(line)
            except NotInside as error:
                raise InputError(f"{raw / relative}: line {number}: {error}") from error
            image, here = PurePosixPath(line).as_posix(), f"line {number} of {relative}"
            if first.setdefault(image, here) != here:
                raise InputError(f"{raw / relative}: line {number}: {image!r} is listed already in {first[image]}")
            lists[split].append(image)
        lists[split].sort()
    return lists


def _lines(file: Path) -> list[str]:
    try:
        return [line.strip() for line in file.read_text(encoding="utf-8-sig").splitlines()]
    except UnicodeDecodeError as error:
        raise InputError(f"{file} is not a text in UTF-8: {error}") from error


def _classes(source: PairedFoldersSource, raw: Path, name: str) -> tuple[str, ...]:
    """Names that the shifted pixels index. Raises ``InputError``."""
    if source.classes == "coco_stuff":
        names: tuple[str, ...] = CLASSES
    elif source.class_names is None:
        names = tuple(f"class {number}" for number in range(source.classes))
    else:
        names = tuple(_lines(raw / source.class_names))
        where = f"dataset {name!r}: {raw / source.class_names}"
        if len(names) != source.classes:
            raise InputError(f"{where} has {len(names)} lines, but source.classes is {source.classes}")
        for number, class_name in enumerate(names, start=1):
            if not class_name or class_name in names[: number - 1]:
                problem = "is listed already" if class_name else "is empty"
                raise InputError(f"{where}: line {number}: {class_name!r} {problem}; each class needs its own name")
    return names if source.unlabelled is None else (UNLABELLED, *names)


def _entries(root: Path, images: str, maps: str, names: tuple[str, ...], split: str | None) -> Iterator[Entry]:
    signatures = Signatures(root)
    for name in names:
        path = f"{images}/{name}"
        try:
            signature, map_location = look_at_pair(signatures, path, f"{maps}/{map_name(name)}")
        except Unusable as reason:
            yield Refused(printable(path), str(reason))
        else:
            location = Location(path)
            yield Candidate(path, None, None, location, signature, split, map_location=map_location)
