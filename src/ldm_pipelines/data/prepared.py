"""Reading a prepared dataset. NumPy and Pillow only: no PyTorch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ldm_pipelines.data.boxes import Box
from ldm_pipelines.data.description import DESCRIPTION, Description
from ldm_pipelines.data.image_store import AGAIN, ImageStore, InPlace, Packed
from ldm_pipelines.data.manifest import BOXES, MANIFEST, read_boxes, read_manifest
from ldm_pipelines.data.remote import RemoteFolder
from ldm_pipelines.data.share import WHOLE, Share
from ldm_pipelines.data.splits import SPLITS
from ldm_pipelines.digests import digest_folder
from ldm_pipelines.errors import InputError, near_miss


@dataclass(frozen=True)
class Shards:
    """Images that lie in containers, one container after the other, and cost less if they are read together."""

    sizes: NDArray[np.int64]
    """Images in each."""
    together: int
    """So many are shuffled together."""
    ahead: Callable[[NDArray[np.integer]], None]
    """To be told which images are read soon."""

    def ahead_in_order(self, index: int) -> None:
        """Images are read one after the other, and ``index`` is next."""
        self.ahead(np.arange(index, min(index + int(self.sizes.max()), int(self.sizes.sum()))))


class ImageSplit:
    """The images of one split, in the manifest's order, decoded when asked for."""

    def __init__(self, dataset: "PreparedDataset", rows: pd.DataFrame) -> None:
        self.ids: list[str] = rows["id"].tolist()
        self.labels: NDArray[np.int64] = rows["label"].to_numpy(dtype=np.int64)
        """Shape ``(n,)``; -1 is no class."""
        self.captions: list[str] | None = rows["caption"].fillna("").tolist() if "caption" in rows else None
        """One per image, empty where it has none; None where the dataset has no captions."""
        self.image_size = dataset.image_size
        self.has_boxes, self.has_maps = bool(dataset.box_classes), bool(dataset.map_classes)
        self.box_classes, self.map_classes = dataset.box_classes, dataset.map_classes
        self.random_crop = dataset.description.random_crop is not None
        """Whether ``pixels`` shows a random part of an image where it is given a generator."""
        self._dataset = dataset
        self._store = dataset.store(rows)
        together = dataset.description.shuffle_shards
        self.shards = None if together is None else Shards(_runs(rows["path"]), together, self._store.ahead)
        """How a training has to take the images, where it matters; None: in any order."""

    def __len__(self) -> int:
        return len(self.ids)

    def pixels(
        self, indices: NDArray[np.integer], rng: np.random.Generator | None = None, share: Share = WHOLE
    ) -> NDArray[np.uint8]:
        """uint8 ``(b, s, s, 3)`` of the images at ``indices``: any order, repeats allowed. Raises ``InputError``.

        ``rng`` draws random crops where the dataset has them; None shows the centre. Of a batch that is shared, the
        images of the share are read and no others, and crops are drawn for all.
        """
        mine = share.rows(len(indices))
        images = np.empty((len(mine), self.image_size, self.image_size, 3), dtype=np.uint8)
        for row, index in enumerate(indices):
            if row in mine:
                images[row - mine.start] = self._store.image(int(index), rng)
            elif rng is not None:
                self._store.pass_by(int(index), rng)
        return images

    def boxes(self, index: int) -> list[Box]:
        """The boxes of an image, in the source's order; labels index the dataset's ``box_classes``."""
        if not self.has_boxes:
            raise self._missing("boxes")
        return self._dataset.boxes_by_image.get(self.ids[index], [])

    def maps(self, indices: NDArray[np.integer]) -> NDArray[np.uint8]:
        """Semantic maps, uint8 ``(b, s, s)``: indices into the dataset's ``map_classes``."""
        if not self.has_maps:
            raise self._missing("semantic maps")
        maps = np.empty((len(indices), self.image_size, self.image_size), dtype=np.uint8)
        for slot, index in enumerate(indices):
            maps[slot] = self._store.semantic_map(int(index))
            if maps[slot].max() >= len(self._dataset.map_classes):
                raise InputError(
                    f"dataset {self._dataset.name!r}: the map of {self.ids[index]} has a pixel that is none of the "
                    f"dataset's map classes; {AGAIN}"
                )
        return maps

    def _missing(self, wanted: str) -> InputError:
        has = {
            "classes": self._dataset.classes,
            "captions": self.captions,
            "boxes": self.has_boxes,
            "semantic maps": self.has_maps,
        }
        present = ", ".join(name for name, there in has.items() if there) or "images alone"
        return InputError(f"dataset {self._dataset.name!r} has no {wanted}; it has {present}")


class PreparedDataset:
    """A folder made by ``prepare``: its description, classes and splits."""

    def __init__(self, folder: Path, raw: Path | RemoteFolder | None = None) -> None:
        """Reads and checks the description and the manifest, not the images. Raises ``InputError``.

        ``raw`` is where images lie that were left in place; None: ``01_raw/NAME`` beside the folder that ``folder``
        is in (``data/03_primary/NAME``), where preparing puts a link if they lie elsewhere, or, behind a URL,
        ``01_raw/NAME.remote.json``.
        """
        self.folder = folder
        self.description = description = Description.read(folder)
        self._raw = raw or _raw_folder(folder.absolute().parent.parent / "01_raw", description.name)
        self.name = description.name
        self.image_size = description.image_size
        self.classes = description.classes
        self.box_classes = description.box_classes
        """What the labels of boxes index; empty where the dataset has no boxes."""
        self.map_classes = description.map_classes
        """What the pixels of semantic maps index; empty where the dataset has none."""
        self._rows = read_manifest(folder)
        self._check(description)

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of the manifest, which holds the hash of every image, and of the description."""
        return digest_folder(self.folder)

    @property
    def counts(self) -> dict[str, int]:
        """Number of images by split, empty splits included."""
        return {name: int((self._rows["split"] == name).sum()) for name in SPLITS}

    def split(self, name: str) -> ImageSplit:
        """Raises ``InputError`` for an unknown name and for a split without images."""
        if name not in SPLITS:
            raise InputError(f"dataset {self.name!r} has no split {name!r}{near_miss(name, SPLITS)}")
        rows = self._rows[self._rows["split"] == name]
        if rows.empty:
            present = ", ".join(f"{split} ({count})" for split, count in self.counts.items() if count)
            raise InputError(
                f"split {name!r} of dataset {self.name!r} is empty: raise its fraction in the dataset's 'splits' "
                f"or add images; splits with images: {present}"
            )
        return ImageSplit(self, rows)

    def store(self, rows: pd.DataFrame) -> ImageStore:
        """Where the pixels of these rows of the manifest come from."""
        if self.description.in_place:
            return InPlace(self._raw, self.description, rows)
        return Packed(self.folder, self.description, rows)

    def pictures(self, ids: Sequence[str]) -> list[NDArray[np.uint8]]:
        """uint8 ``(s, s, 3)`` of a few images, wherever they are. Nothing is held of the others but the manifest."""
        places = np.array([self._places.get_loc(each) for each in ids], dtype=np.int64)
        store = self.store(self._rows.iloc[places])
        return [store.image(place, None) for place in range(len(ids))]

    @cached_property
    def _places(self) -> pd.Index:
        return pd.Index(self._rows["id"])

    @cached_property
    def boxes_by_image(self) -> dict[str, list[Box]]:
        """Boxes by the image's id. Raises ``InputError`` where the table does not fit the images."""
        file, frame = self.folder / BOXES, read_boxes(self.folder)
        if not frame["id"].isin(self._rows["id"]).all() or (frame["label"] >= len(self.box_classes)).any():
            raise InputError(f"{file} names images or classes that the dataset does not have; prepare it again")
        found: dict[str, list[Box]] = {}
        for name, *box in frame.itertuples(index=False, name=None):
            found.setdefault(name, []).append(Box(*box))
        return found

    def _check(self, description: Description) -> None:
        file = self.folder / MANIFEST
        if (self._rows["label"] >= len(self.classes)).any():
            row = int((self._rows["label"] >= len(self.classes)).to_numpy().argmax())
            raise InputError(f"{file}: row {row}: its label is not one of the {len(self.classes)} classes")
        if self.counts != description.counts:
            raise InputError(f"{file} and {DESCRIPTION} disagree on the size of the splits; prepare the dataset again")


def remote_file(raw_dir: Path, name: str) -> Path:
    """Says behind which URL the images of a dataset lie."""
    return raw_dir / f"{name}.remote.json"


def _raw_folder(raw_dir: Path, name: str) -> Path | RemoteFolder:
    file = remote_file(raw_dir, name)
    return RemoteFolder.read(file) if file.is_file() else raw_dir / name


def _runs(paths: pd.Series) -> NDArray[np.int64]:
    """Lengths of runs of the same value."""
    first = np.flatnonzero((paths != paths.shift()).to_numpy())
    return np.diff(np.append(first, len(paths)))
