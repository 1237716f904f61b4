"""Which image of a dataset each sample has its condition from."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ldm_pipelines.data.prepared import ImageSplit, PreparedDataset
from ldm_pipelines.errors import InputError
from ldm_pipelines.evaluation.images.sample_sets import SampleSet


@dataclass(frozen=True)
class Truth:
    """The images whose conditions the samples have; sample i has that of the split's image ``indices[i]``."""

    dataset: PreparedDataset
    split: ImageSplit
    indices: NDArray[np.int64]

    def pixels(self, samples: NDArray[np.integer]) -> NDArray[np.uint8]:
        """uint8 (b, s, s, 3): the true images of these samples."""
        return self.split.pixels(self.indices[samples])

    def ids(self, samples: NDArray[np.integer]) -> list[str]:
        return [self.split.ids[index] for index in self.indices[samples]]


def find_truth(samples: SampleSet, dataset: PreparedDataset) -> Truth:
    """The images of ``dataset``, which the samples name as theirs, by the ids in their table.

    Raises:
        InputError: the dataset is no longer the one that was sampled from, or has no image of an id.
    """
    info = samples.info
    if info.dataset_digest is not None and info.dataset_digest != dataset.digest:
        raise InputError(
            f"samples {info.name!r} have conditions of another version of {dataset.name!r} (digest "
            f"{info.dataset_digest[:12]}, now {dataset.digest[:12]}); sample the set again"
        )
    if info.split is None:
        raise InputError(f"samples {info.name!r}: samples.json does not name the split of the conditions; sample again")
    split = dataset.split(info.split)
    places = {name: place for place, name in enumerate(split.ids)}
    unknown = [(row, name) for row, name in enumerate(samples.conditions) if name not in places]
    if unknown:
        row, name = unknown[0]
        raise InputError(
            f"samples {info.name!r}: {len(unknown)} of {len(samples)} conditions are of no image of {dataset.name!r}, "
            f"split {info.split!r}; first: {name!r} of sample {row}; sample the set again"
        )
    return Truth(dataset, split, np.array([places[name] for name in samples.conditions], dtype=np.int64))
