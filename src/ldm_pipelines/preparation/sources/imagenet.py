"""ImageNet (ILSVRC2012) as published: the training set is split "train", the validation set "validation"."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from functools import partial
from pathlib import Path

from ldm_pipelines.data.originals import Location
from ldm_pipelines.errors import InputError, near_miss
from ldm_pipelines.preparation.annotations.imagenet_devkit import GROUND_TRUTH, META, read_ground_truth, read_synsets
from ldm_pipelines.preparation.listing.entries import Candidate, Entry, Listing, Refused, Shard
from ldm_pipelines.preparation.listing.files import (
    Names,
    Signatures,
    Unusable,
    images_among,
    inside,
    names_in,
    numbered,
    printable,
    refuse,
    slices,
)
from ldm_pipelines.preparation.listing.missing import missing
from ldm_pipelines.preparation.source_specs.imagenet import ImagenetSource

SYNSET = re.compile(r"n\d{8}")
VALIDATION_NAME = re.compile(r"ILSVRC2012_val_(\d{8})\.jpe?g", re.IGNORECASE)
GET = (
    "the training images, the validation images and the development kit (tasks 1 and 2) of ILSVRC2012, from ImageNet's "
    "page (after registration; for research use)"
)
LAYOUT = """
train/
  n01440764/n01440764_10026.JPEG, ...
  n01443537/...
val/
  ILSVRC2012_val_00000001.JPEG, ...         (or synset folders, as in train)
ILSVRC2012_devkit_t12/data/                 (not needed where val has synset folders)
  meta.mat
  ILSVRC2012_validation_ground_truth.txt
"""


def list_images(source: ImagenetSource, raw: Path | None, name: str, image_size: int) -> Listing:
    """Training images by synset and name, then validation images; the label is the WordNet id of the synset.

    Links to synset folders are refused, files without an image's extension counted. ``image_size`` is not needed.
    Raises ``InputError`` where a folder or a file of the development kit is missing or contradicts another.
    """
    return _Imagenet(source, raw, name).listing()


class _Imagenet:
    """One dataset: what its folders and its development kit say, and whether they agree."""

    def __init__(self, source: ImagenetSource, raw: Path | None, name: str) -> None:
        self.source, self.name = source, name
        if raw is None or not raw.is_dir():
            raise missing(name, raw, "the dataset's folder", GET, LAYOUT)
        self.raw = raw
        self.ignored: Counter[str] = Counter()
        self.train = self._folder("train", source.train)
        self.validation = self._folder("validation", source.validation)
        meta = self._devkit_file(META)
        self.synsets = None if meta is None else read_synsets(meta)
        self.classes = self._classes()

    def _folder(self, setting: str, relative: str | None) -> Names:
        """What lies in the folder of a split; nothing where the setting is null."""
        if relative is None:
            return Names((), (), ())
        folder = inside(self.raw, relative, f"dataset {self.name!r}: source.{setting}")
        if not folder.is_dir():
            raise missing(self.name, self.raw, f"the folder {relative} (source.{setting})", GET, LAYOUT)
        return names_in(folder)

    def _devkit_file(self, file: str) -> Path | None:
        for relative in (file, f"{self.source.devkit}/{file}"):
            path = inside(self.raw, relative, f"dataset {self.name!r}: source.devkit")
            if path.is_file():
                return path
        return None

    def _classes(self) -> tuple[str, ...]:
        """Sorted WordNet ids: the synset folders, or those of the development kit if there are no such folders."""
        where = self.source.validation if self.source.train is None else self.source.train
        folders = (self.validation if self.source.train is None else self.train).folders
        if self.source.train is None and not folders and self.synsets is not None:
            where, folders = META, tuple(sorted(self.synsets.values()))
        for folder in (*folders, *self.validation.folders):
            self._check_synset(folder, folders)
        if len(folders) != self.source.classes:
            raise InputError(
                f"dataset {self.name!r}: {where} has {len(folders)} synsets, but source.classes is "
                f"{self.source.classes}{self._hint(folders)}; set source.classes to {len(folders)} if that is all"
            )
        return folders

    def _check_synset(self, folder: str, classes: Sequence[str]) -> None:
        known = classes if self.synsets is None else sorted(self.synsets.values())
        if not SYNSET.fullmatch(folder) or folder not in known:
            close = get_close_matches(folder, set(known) - {folder}, n=1)
            raise InputError(
                f"dataset {self.name!r}: the folder {folder!r} among the synset folders is no class of ILSVRC2012 "
                f"(they are named like n01440764){near_miss(folder, close) if close else ''}"
            )

    def _hint(self, folders: Sequence[str]) -> str:
        """Why synset folders may be too few."""
        if any(file.endswith(".tar") for file in self.train.files):
            return " (unpack each SYNSET.tar there into a folder SYNSET)"
        absent = sorted(set((self.synsets or {}).values()).difference(folders))
        return f" (missing: {', '.join(absent[:3])}{', ...' if len(absent) > 3 else ''})" if absent else ""

    def listing(self) -> Listing:
        """All shards; the names in synset folders are listed now."""
        shards = numbered([*self._train_shards(), *self._validation_shards()])
        return Listing(shards, classes=self.classes, ignored=dict(sorted(self.ignored.items())))

    def _train_shards(self) -> Iterator[Shard]:
        if self.source.train is not None:
            yield from self._in_synset_folders(self.source.train, self.train, "train")

    def _validation_shards(self) -> Iterator[Shard]:
        if self.source.validation is None:
            return
        if self.validation.folders:
            yield from self._in_synset_folders(self.source.validation, self.validation, "validation")
        else:
            yield from self._flat(self.source.validation)

    def _in_synset_folders(self, top: str, names: Names, split: str) -> Iterator[Shard]:
        for synset in names.folders:
            folder = f"{top}/{synset}"
            files = images_among(names_in(self.raw / folder).files, self.ignored)
            if not files:
                raise InputError(f"dataset {self.name!r}: the synset folder {folder} has no images; unpack it again")
            yield from self._shards(folder, files, [synset] * len(files), split)
        links = [f"{top}/{link}" for link in names.linked_folders]
        yield from refuse(links, "a link to a folder is not followed; put the folder itself here")
        beside = [f"{top}/{file}" for file in images_among(names.files, self.ignored)]
        yield from refuse(beside, "it lies beside the synset folders, so its class is not known")

    def _flat(self, top: str) -> Iterator[Shard]:
        """Validation images as they come out of the published archive: their class is a line of the ground truth."""
        files = images_among(self.validation.files, self.ignored)
        official = [file for file in files if VALIDATION_NAME.fullmatch(file)]
        labels = self._ground_truth(top, official)
        classes = set(self.classes)
        kept = [(file, label) for file, label in zip(official, labels, strict=True) if label in classes]
        if len(kept) < len(official):
            self.ignored["validation images of other classes"] += len(official) - len(kept)
        yield from self._shards(top, [file for file, _ in kept], [label for _, label in kept], "validation")
        others = [f"{top}/{file}" for file in files if not VALIDATION_NAME.fullmatch(file)]
        yield from refuse(others, "it is not named like ILSVRC2012_val_00000001.JPEG, so its class is not known")

    def _ground_truth(self, top: str, files: Sequence[str]) -> list[str]:
        """The class of each validation image."""
        file = self._devkit_file(GROUND_TRUTH)
        if self.synsets is None or file is None:
            wanted = META if self.synsets is None else GROUND_TRUTH
            looked = f"{wanted} (in the folder itself and in {self.source.devkit}), which says the classes of {top},"
            raise missing(self.name, self.raw, looked, GET, LAYOUT)
        truth = read_ground_truth(file, self.synsets)
        numbers = [_number(image) for image in files]
        if sorted(numbers) != [*range(1, len(truth) + 1)]:
            absent = sorted(set(range(1, len(truth) + 1)).difference(numbers))
            first = f"; the first that is missing is number {absent[0]}" if absent else ""
            raise InputError(
                f"dataset {self.name!r}: {top} has {len(files)} validation images, but {file} has {len(truth)} lines, "
                f"one for each{first}; unpack both again"
            )
        return [truth[number - 1] for number in numbers]

    def _shards(self, folder: str, files: Sequence[str], labels: Sequence[str], split: str) -> Iterator[Shard]:
        for part in slices(len(files)):
            names = tuple(files[part])
            entries = partial(_entries, self.raw, folder, names, tuple(labels[part]), split)
            yield Shard(entries, name=printable(f"{folder}/{names[0]}"), size=len(names))


def _number(file: str) -> int:
    found = VALIDATION_NAME.fullmatch(file)
    return int(found[1]) if found else 0


def _entries(root: Path, folder: str, files: Iterable[str], labels: Iterable[str], split: str) -> Iterator[Entry]:
    signatures = Signatures(root)
    for file, label in zip(files, labels, strict=True):
        path = f"{folder}/{file}"
        try:
            signature = signatures.image(path)
        except Unusable as reason:
            yield Refused(printable(path), str(reason))
        else:
            yield Candidate(path, label, location=Location(path), signature=signature, split=split)
