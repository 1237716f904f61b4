"""A sample set on disk, written image by image: an interrupted one goes on where it stopped.

A folder::

    samples.json      how the images were made
    samples.parquet   one row per image: index, path, label (-1: none), condition (id of a dataset's image, or "")
    images/NNNNNN.png
    grid.png          some of them, for people
"""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from ldm_pipelines.compute import Compute


class SampleSetWriter:
    """Writes ``count`` images into ``workspace/artefact``."""

    def __init__(self, workspace: Path, name: str, count: int) -> None:
        self.folder, self.name, self.count = workspace / "artefact", name, count
        (self.folder / "images").mkdir(parents=True, exist_ok=True)
        self._paths = [f"images/{index:06d}.png" for index in range(count)]

    def fill(
        self, make: Callable[[NDArray[np.int64]], NDArray[np.uint8]], compute: Compute, what: str = "sample"
    ) -> None:
        """Write the images that are not there yet; ``make`` gives pixels (b, h, w, 3) for their numbers (b,)."""
        missing = [index for index, path in enumerate(self._paths) if not (self.folder / path).exists()]
        bar = tqdm(
            total=self.count, initial=self.count - len(missing), desc=f"{what} {self.name}", unit="img",
            disable=not compute.progress,
        )  # fmt: skip
        for indices in _batches(np.array(missing, dtype=np.int64), compute.inference_batch_size):
            for index, pixels in zip(indices, make(indices), strict=True):
                self._write(self.folder / self._paths[index], pixels)
            bar.update(len(indices))
        bar.close()

    def pixels(self, indices: Sequence[int]) -> NDArray[np.uint8]:
        """Images (b, h, w, 3) as they lie in the folder."""
        return np.stack([np.asarray(Image.open(self.folder / self._paths[index])) for index in indices])

    def describe(self, labels: NDArray[np.int64], conditions: Sequence[str], info: dict[str, Any]) -> Path:
        """Write the table and ``samples.json``, which gets the images' size; returns the finished folder."""
        columns = {
            "index": np.arange(self.count),
            "path": self._paths,
            "label": labels,
            "condition": list(conditions),
        }
        pd.DataFrame(columns).to_parquet(self.folder / "samples.parquet", index=False)
        with Image.open(self.folder / self._paths[0]) as first:
            info = {**info, "image_size": first.height}
        (self.folder / "samples.json").write_text(json.dumps(info, indent=2) + "\n")
        return self.folder

    @staticmethod
    def _write(path: Path, pixels: NDArray[np.uint8]) -> None:
        partial = path.with_suffix(".partial")
        Image.fromarray(pixels).save(partial, format="PNG")
        partial.replace(path)


def _batches(indices: NDArray[np.int64], size: int) -> Iterator[NDArray[np.int64]]:
    for first in range(0, len(indices), size):
        yield indices[first : first + size]
