"""COCO as published (2014 and 2017): images with captions, and perhaps COCO-Stuff's pixel maps."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from ldm_pipelines.data.originals import Location
from ldm_pipelines.preparation.source_specs.coco import CocoSource, Split
from ldm_pipelines.preparation.sources.coco_captions import read_captions
from ldm_pipelines.preparation.sources.coco_stuff import CLASSES, UNLABELLED
from ldm_pipelines.preparation.sources.files import Signatures, Unusable, inside, numbered, slices
from ldm_pipelines.preparation.sources.listing import Candidate, Entry, Listing, Refused, Shard
from ldm_pipelines.preparation.sources.missing import missing
from ldm_pipelines.preparation.sources.pairs import look_at_pair, map_name

GET = (
    "COCO's {year} train and val images and annotations, from the COCO project's page (annotations CC BY 4.0; the "
    "photographs are Flickr's, each under its own licence){maps}"
)
GET_MAPS = "; the maps are the stuff and thing maps of COCO-Stuff, from that project's page (annotations CC BY 4.0)"
LAYOUT = """
annotations/
  captions_train{year}.json
  captions_val{year}.json
train{year}/
  {train}, ...
val{year}/
  {val}, ...
"""
LAYOUT_MAPS = "{folder}/\n  {stem}.png, ...       (a map of the image's stem)\n"


def list_images(source: CocoSource, raw: Path | None, name: str, image_size: int) -> Listing:
    """Images in the order of their names, train before validation; ``image_size`` is not needed.

    With ``captions: each`` an image occurs as ``train2017/x.jpg#1`` with its first caption, ``#2`` with its second, and
    so on. Images without a caption, or without a map where maps are asked for, are refused. Raises ``InputError`` where
    a folder or a caption file is missing or wrong.
    """
    splits: list[Split] = [split for split in ("train", "validation") if split in source.splits]
    raw = _complete(source, raw, name, splits)
    shards = numbered(shard for split in splits for shard in _shards(source, raw, split))
    if source.maps is None:
        return Listing(shards)
    return Listing(shards, map_classes=(UNLABELLED, *CLASSES), map_shift=1)


def _complete(source: CocoSource, raw: Path | None, name: str, splits: list[Split]) -> Path:
    """The raw folder. Raises ``InputError`` unless every folder and file is in it that will be read."""
    fail = partial(missing, name, raw, get=_get(source), layout=_layout(source))
    if raw is None or not raw.is_dir():
        raise fail("the dataset's folder")
    for split in splits:
        folders = {"images": source.image_folder(split), "maps": source.map_folder(split)}
        captions = source.caption_file(split)
        if not inside(raw, captions, f"dataset {name!r}: source.annotations").is_file():
            raise fail(f"the file {captions} (source.annotations)")
        for key, folder in folders.items():
            if folder is not None and not inside(raw, folder, f"dataset {name!r}: source.{key}").is_dir():
                raise fail(f"the folder {folder} (source.{key})")
    return raw


def _get(source: CocoSource) -> str:
    return GET.format(year=source.year, maps="" if source.maps is None else GET_MAPS)


def _layout(source: CocoSource) -> str:
    names = {"train": "000000000009.jpg", "val": "000000000139.jpg"}
    if source.year == 2014:
        names = {"train": "COCO_train2014_000000000009.jpg", "val": "COCO_val2014_000000000042.jpg"}
    layout = LAYOUT.format(year=source.year, **names)
    if source.maps is not None:
        layout += LAYOUT_MAPS.format(folder=source.maps.train, stem=Path(names["train"]).stem)
        layout += LAYOUT_MAPS.format(folder=source.maps.validation, stem=Path(names["val"]).stem)
    return layout


def _shards(source: CocoSource, raw: Path, split: Split) -> Iterator[Shard]:
    files, captions = read_captions(inside(raw, source.caption_file(split), "source.annotations"))
    if source.captions == "one":
        captions = [said[:1] for said in captions]
    for part in slices(len(files)):
        names, said = tuple(files[part]), tuple(captions[part])
        entries = partial(_entries, raw, source, split, names, said)
        size = sum(max(1, len(of_image)) for of_image in said)
        yield Shard(entries, name=f"{source.image_folder(split)}/{names[0]}", size=size)


def _entries(
    raw: Path, source: CocoSource, split: Split, names: tuple[str, ...], captions: tuple[tuple[str, ...], ...]
) -> Iterator[Entry]:
    signatures = Signatures(raw)
    for name, said in zip(names, captions, strict=True):
        path = f"{source.image_folder(split)}/{name}"
        origins = [path] if source.captions == "one" else [f"{path}#{n}" for n in range(1, max(2, len(said) + 1))]
        if not said:
            yield Refused(origins[0], f"{source.caption_file(split)} has no caption of it")
            continue
        try:
            signature, location = _look_at(signatures, path, name, source.map_folder(split))
        except Unusable as reason:
            yield from (Refused(origin, str(reason)) for origin in origins)
            continue
        for origin, caption in zip(origins, said, strict=True):
            yield Candidate(
                origin,
                label=None,
                location=Location(path),
                signature=signature,
                split=split,
                caption=caption,
                map_location=location,
            )


def _look_at(signatures: Signatures, path: str, name: str, maps: str | None) -> tuple[str, Location | None]:
    """Signature of the image and its map, and where the map lies. Raises ``Unusable``."""
    if maps is None:
        return signatures.image(path), None
    return look_at_pair(signatures, path, f"{maps}/{map_name(name)}")
