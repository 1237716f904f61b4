"""The conditions of a sample set: what image i is to show, and the picture that people see of it."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ldm_pipelines.data.prepared import PreparedDataset
from ldm_pipelines.diffusion.conditioners.conditioner import Conditioner, Raw
from ldm_pipelines.sampling.gallery import (
    GALLERY_COLUMNS,
    GRID_COLUMNS,
    GRID_ROWS,
    class_grid_indices,
    enlarged,
    gallery_indices,
    save_gallery,
    save_sheet,
)
from ldm_pipelines.sampling.sample_set import SampleSetWriter

Indices = NDArray[np.integer]


class ClassConditions:
    """Image i has class i mod classes; without classes, nothing. Nothing is read from a dataset."""

    def __init__(self, kind: str, classes: tuple[str, ...], count: int) -> None:
        """``kind`` of the model's conditioning: an unconditional one may have classes for a classifier to guide to."""
        self.classes = classes
        self.labels = np.arange(count) % len(classes) if classes else np.full(count, -1)
        self.ids = [""] * count
        self._kind = kind

    def raw(self, indices: Indices) -> Raw:
        return {"label": torch.from_numpy(self.labels[indices])} if self._kind == "class" else {}

    def save_grid(self, path: Path, images: SampleSetWriter) -> None:
        """A column per class, or any order."""
        if self.classes:
            chosen = class_grid_indices(images.count, len(self.classes))
            save_sheet(path, images.pixels(chosen), columns=min(len(self.classes), GRID_COLUMNS))
        else:
            save_sheet(path, images.pixels(range(min(images.count, GRID_ROWS * GALLERY_COLUMNS))), GALLERY_COLUMNS)


class DatasetConditions:
    """Image i has the one fixed condition of the split's image i mod its length."""

    def __init__(self, conditioner: Conditioner, folder: Path, split: str, count: int) -> None:
        self.dataset = PreparedDataset(folder)
        self.split = self.dataset.split(split)
        self.classes: tuple[str, ...] = ()
        self.labels = np.full(count, -1)
        self.ids = [self.split.ids[index % len(self.split)] for index in range(count)]
        self._conditioner = conditioner
        self._reader = conditioner.reader(self.split)

    def raw(self, indices: Indices) -> Raw:
        return self._reader.read(indices % len(self.split), None)

    def save_grid(self, path: Path, images: SampleSetWriter) -> None:
        """Condition, sample and truth, one below the other."""
        chosen = gallery_indices(images.count, len(self.split))
        places = np.array(chosen)
        sample, truth = enlarged(images.pixels(chosen)), enlarged(self.split.pixels(places))
        height, width = sample.shape[1:3]
        rows = [("sample", sample)]
        condition = self._conditioner.picture(self.raw(places), (height, width))
        if condition is not None:
            rows.insert(0, ("condition", condition))
        if truth.shape == sample.shape:
            rows.append(("truth", truth))
        save_gallery(path, rows)
