"""COCO as published (2014 and 2017): images with captions or boxes, and perhaps COCO-Stuff's pixel maps."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from ldm_pipelines.data.originals import Location
from ldm_pipelines.errors import InputError
from ldm_pipelines.preparation.annotations.coco_boxes import Rules, read_boxes
from ldm_pipelines.preparation.annotations.coco_captions import read_captions
from ldm_pipelines.preparation.annotations.coco_images import CocoImages, read_ids
from ldm_pipelines.preparation.annotations.coco_stuff import CLASSES, UNLABELLED
from ldm_pipelines.preparation.listing.entries import Candidate, Entry, Listing, Refused, Shard
from ldm_pipelines.preparation.listing.files import Signatures, Unusable, inside, numbered, slices
from ldm_pipelines.preparation.listing.missing import missing
from ldm_pipelines.preparation.listing.pairs import look_at_pair, map_name
from ldm_pipelines.preparation.source_specs.coco import CocoSource, Split

GET = (
    "COCO's {year} train and val images and annotations, from the COCO project's page (annotations CC BY 4.0; the "
    "photographs are Flickr's, each under its own licence){stuff}{maps}"
)
GET_STUFF = "; the boxes of stuff are its 2017 stuff annotations, an archive of their own"
GET_MAPS = "; the maps are the stuff and thing maps of COCO-Stuff, from that project's page (annotations CC BY 4.0)"
LAYOUT_IMAGES = """train{year}/
  {train}, ...
val{year}/
  {val}, ...
"""
LAYOUT_MAPS = "{folder}/\n  {stem}.png, ...       (a map of the image's stem)\n"


def list_images(source: CocoSource, raw: Path | None, name: str, image_size: int) -> Listing:
    """Images in the order of their names, train before validation; ``image_size`` is not needed.

    With boxes, those whose number of (kept) boxes is within ``objects``. With ``captions: each`` an image occurs as
    ``train2017/x.jpg#1`` with its first caption, ``#2`` with its second, and so on. Images without a caption or a map,
    where these are asked for, are refused. Raises ``InputError`` where a folder or a file is missing or wrong.
    """
    splits: list[Split] = [split for split in ("train", "validation") if split in source.splits]
    raw = _complete(source, raw, name, splits)
    shards: list[Shard] = []
    ignored: dict[str, int] = {}
    classes: tuple[str, ...] | None = None
    for split in splits:
        images, classes = _read(source, raw, split, classes)
        shards += _shards(source, raw, split, _taken(source, raw, split, images, ignored))
    maps = () if source.maps is None else (UNLABELLED, *CLASSES)
    return Listing(
        numbered(shards), ignored=ignored, box_classes=classes or (), map_classes=maps, map_shift=1 if maps else 0
    )


def _complete(source: CocoSource, raw: Path | None, name: str, splits: list[Split]) -> Path:
    """The raw folder. Raises ``InputError`` unless every folder and file is in it that will be read."""
    fail = partial(missing, name, raw, get=_get(source), layout=_layout(source))
    if raw is None or not raw.is_dir():
        raise fail("the dataset's folder")
    for split in splits:
        files = [(file, "annotations") for file in source.annotation_files(split)]
        files += [(file, "image_ids") for file in [source.id_file(split)] if file is not None]
        for file, key in files:
            if not inside(raw, file, f"dataset {name!r}: source.{key}").is_file():
                raise fail(f"the file {file} (source.{key})")
        folders = {"images": source.image_folder(split), "maps": source.map_folder(split)}
        for key, folder in folders.items():
            if folder is not None and not inside(raw, folder, f"dataset {name!r}: source.{key}").is_dir():
                raise fail(f"the folder {folder} (source.{key})")
    return raw


def _get(source: CocoSource) -> str:
    stuff = GET_STUFF if source.boxes == "things_and_stuff" else ""
    return GET.format(year=source.year, stuff=stuff, maps="" if source.maps is None else GET_MAPS)


def _layout(source: CocoSource) -> str:
    names = {"train": "000000000009.jpg", "val": "000000000139.jpg"}
    if source.year == 2014:
        names = {"train": "COCO_train2014_000000000009.jpg", "val": "COCO_val2014_000000000042.jpg"}
    splits: tuple[Split, ...] = ("train", "validation")
    files = sorted(file for split in splits for file in source.annotation_files(split))
    layout = f"{source.annotations}/\n" + "".join(f"  {Path(file).name}\n" for file in files)
    layout += LAYOUT_IMAGES.format(year=source.year, **names)
    if source.maps is not None:
        layout += LAYOUT_MAPS.format(folder=source.maps.train, stem=Path(names["train"]).stem)
        layout += LAYOUT_MAPS.format(folder=source.maps.validation, stem=Path(names["val"]).stem)
    return layout


def _read(
    source: CocoSource, raw: Path, split: Split, expected: tuple[str, ...] | None
) -> tuple[CocoImages, tuple[str, ...]]:
    """All images of a set, with what is asked for, and the boxes' classes, which must be the ``expected`` ones."""
    images, classes = CocoImages([], []), tuple[str, ...]()
    captions, things, stuff = (
        None if file is None else inside(raw, file, "source.annotations")
        for file in (source.caption_file(split), source.thing_file(split), source.stuff_file(split))
    )
    if things is not None:
        images, classes = read_boxes(things, stuff, Rules(source.min_area, source.crowds))
        if expected not in (None, classes):
            raise InputError(f"{things}: categories: they are not those of the other set; take both of one edition")
    if captions is not None:
        captioned = read_captions(captions)
        images = captioned if things is None else images.with_captions_of(captioned)
    if source.captions == "one":
        images = images._replace(captions=[said[:1] for said in images.captions or ()])
    return images, classes


def _taken(source: CocoSource, raw: Path, split: Split, images: CocoImages, ignored: dict[str, int]) -> CocoImages:
    """The images that are listed, and have neither too few boxes nor too many; the others are counted."""
    file = source.id_file(split)
    if file is not None:
        images = _listed(inside(raw, file, "source.image_ids"), file, split, images, ignored)
    if images.boxes is not None:
        fewest, most = source.objects
        kept = images.boxes.within(fewest, most)
        _count(ignored, f"images of {split} without {fewest} to {most} boxes", int((~kept).sum()))
        images = images.only(kept)
    return images


def _listed(path: Path, file: str, split: Split, images: CocoImages, ignored: dict[str, int]) -> CocoImages:
    listed = read_ids(path)
    kept = np.array([identity in listed for identity in images.ids], np.bool_)
    if not kept.any():
        raise InputError(f"{path} lists none of the images of {split}; source.image_ids must name the list of that set")
    _count(ignored, f"images of {split} that are not in {file}", int((~kept).sum()))
    _count(ignored, f"ids in {file} that no image of {split} has", len(listed) - int(kept.sum()))
    return images.only(kept)


def _count(ignored: dict[str, int], what: str, number: int) -> None:
    if number:
        ignored[what] = number


def _shards(source: CocoSource, raw: Path, split: Split, images: CocoImages) -> Iterator[Shard]:
    for slice_ in slices(len(images.files)):
        part = images.part(slice_)
        entries = partial(_entries, raw, source, split, part)
        size = sum(max(1, len(of_image)) for of_image in part.captions) if part.captions else len(part.files)
        yield Shard(entries, name=f"{source.image_folder(split)}/{part.files[0]}", size=size)


def _entries(raw: Path, source: CocoSource, split: Split, images: CocoImages) -> Iterator[Entry]:
    signatures = Signatures(raw)
    for number, name in enumerate(images.files):
        path = f"{source.image_folder(split)}/{name}"
        said: tuple[str | None, ...] = (None,) if images.captions is None else images.captions[number]
        origins = [f"{path}#{n}" for n in range(1, max(2, len(said) + 1))] if source.captions == "each" else [path]
        if not said:
            yield Refused(origins[0], f"{source.caption_file(split)} has no caption of it")
            continue
        try:
            signature, location = _look_at(signatures, path, name, source.map_folder(split))
        except Unusable as reason:
            yield from (Refused(origin, str(reason)) for origin in origins)
            continue
        boxes = () if images.boxes is None else images.boxes.boxes(number)
        for origin, caption in zip(origins, said, strict=True):
            yield Candidate(
                origin,
                label=None,
                location=Location(path),
                signature=signature,
                split=split,
                caption=caption,
                boxes=boxes,
                map_location=location,
            )


def _look_at(signatures: Signatures, path: str, name: str, maps: str | None) -> tuple[str, Location | None]:
    """Signature of the image and its map, and where the map lies. Raises ``Unusable``."""
    if maps is None:
        return signatures.image(path), None
    return look_at_pair(signatures, path, f"{maps}/{map_name(name)}")
