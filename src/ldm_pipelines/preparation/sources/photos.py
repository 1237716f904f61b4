"""Patches of the photographs that ship inside scikit-image and scikit-learn; nothing is downloaded.

Each photograph, with all its patches, belongs to one split: no part of a test photograph is ever trained on. Left out
of what the packages hold: drawings and palettes, pages of text, a blurred clock, crops without detail, and the right
eye's view of the motorcycle.

Licences, as the packages state them. CC0: brick, camera, chelsea, coffee, grass, gravel, retina. Public domain:
astronaut and hubble_deep_field (NASA), rocket (SpaceX). Without known restrictions: coins (Brooklyn Museum), ihc
(CMMI). CC BY 2.0: china (danielbuechele), flower (vultilion). Nothing is stated for moon and for motorcycle_left, which
is of the Middlebury 2014 stereo benchmark.
"""

from collections.abc import Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import skimage
import sklearn
from PIL import Image

from ldm_pipelines.errors import InputError
from ldm_pipelines.preparation.listing.entries import Candidate, Listing
from ldm_pipelines.preparation.source_specs.photos import PhotosSource

SPLITS = {
    "train": (
        "astronaut.png", "brick.png", "camera.png", "china.jpg", "coins.png", "flower.jpg", "grass.png", "gravel.png",
        "hubble_deep_field.jpg", "ihc.png", "moon.png", "motorcycle_left.png", "retina.jpg",
    ),
    "validation": ("rocket.jpg",),
    "test": ("chelsea.png", "coffee.png"),
}  # fmt: skip
FOLDERS = {
    "scikit-image": Path(skimage.__file__).parent / "data",
    "scikit-learn": Path(sklearn.__file__).parent / "datasets" / "images",
}
MIN_DETAIL = 2.0
"""Patches whose neighbouring grey levels (of 255) differ by less on average are left out: sky, black, blur."""


def list_images(source: PhotosSource, raw: Path | None, name: str, image_size: int) -> Listing:
    """Patches in the order of the photographs' names; the class of a patch is its photograph.

    ``raw`` and ``image_size`` are not needed. Raises ``InputError`` where no patch fits a photograph.
    """
    split_of = {photograph: split for split, photographs in SPLITS.items() for photograph in photographs}
    entries = [entry for file in sorted(split_of) for entry in _patches(source, file, split_of[file], name)]
    return Listing.of(entries)


def _patches(source: PhotosSource, file: str, split: str, name: str) -> Iterator[Candidate]:
    photograph, package = _photograph(file)
    width, height = photograph.width // source.shrink, photograph.height // source.shrink
    if min(width, height) < source.patch:
        raise InputError(
            f"dataset {name!r}: source.patch {source.patch}: {file} has only {width} x {height} pixels after "
            f"source.shrink {source.shrink}; make either smaller"
        )
    image = photograph.reduce(source.shrink, (0, 0, width * source.shrink, height * source.shrink))
    for left, top in grid(width, height, source.patch, source.per_photograph):
        box = (left, top, left + source.patch, top + source.patch)
        if detail(image.crop(box)) >= MIN_DETAIL:
            yield Candidate(
                origin=f"{file}[{top}:{box[3]}, {left}:{box[2]}]",
                label=file.partition(".")[0],
                open=partial(image.crop, box),
                signature=f"{package} {version(package)}",
                split=split,
            )


def _photograph(file: str) -> tuple[Image.Image, str]:
    """The photograph and the package that holds it."""
    for package, folder in FOLDERS.items():
        if (folder / file).is_file():
            with Image.open(folder / file) as image:
                image.load()
                return image, package
    raise InputError(f"{file} is in no installed {' or '.join(FOLDERS)}; install the versions of the lock file")


def grid(width: int, height: int, patch: int, most: int) -> list[tuple[int, int]]:
    """Top left corners (x, y) of at most ``most`` patches, row by row, at the smallest equal step that allows it."""
    step = 1
    while (1 + (width - patch) // step) * (1 + (height - patch) // step) > most:
        step += 1
    columns, rows = 1 + (width - patch) // step, 1 + (height - patch) // step
    x = np.linspace(0, width - patch, columns).round().astype(int)
    y = np.linspace(0, height - patch, rows).round().astype(int)
    return [(left, top) for top in y.tolist() for left in x.tolist()]


def detail(patch: Image.Image) -> float:
    """Mean difference of grey levels (of 255) between pixels beside and below each other."""
    grey = np.asarray(patch.convert("L"), dtype=np.float64)
    return float(np.abs(np.diff(grey, axis=0)).mean() + np.abs(np.diff(grey, axis=1)).mean()) / 2
