"""Whatever a path is: a set of images."""

from pathlib import Path

from ldm_pipelines.data.description import DESCRIPTION
from ldm_pipelines.data.manifest import MANIFEST
from ldm_pipelines.errors import InputError
from ldm_pipelines.evaluation.images.archive import open_archive
from ldm_pipelines.evaluation.images.arrays import ArrayImages
from ldm_pipelines.evaluation.images.folder import open_folder
from ldm_pipelines.evaluation.images.image_set import ImageSet
from ldm_pipelines.evaluation.images.preprocessing import Preprocessing
from ldm_pipelines.evaluation.images.sample_sets import SampleSet

ACCEPTED = "accepted are a folder of images, a sample set of this project, a .zip of images, and ADM's .npz of arr_0"


def open_images(path: Path, preprocessing: Preprocessing | None = None, *, class_folders: bool = False) -> ImageSet:
    """The images of a folder, a sample set (a folder with ``samples.json``), a ``.zip`` or an ``.npz``.

    ``preprocessing`` crops and resizes them as a dataset's preparation does; without it they must be squares of one
    size. ``class_folders``: the images of a folder or a ``.zip`` have the class that their folder's name is; else they
    have none. Sample sets and an ``.npz`` bring their own labels, a sample set its size too.

    Raises:
        InputError: ``path`` is none of these, or does not fit what is asked of it, or is damaged.
    """
    if not path.exists():
        raise InputError(f"{path} does not exist; {ACCEPTED}")
    if path.is_dir() and any((path / name).exists() for name in ("samples.json", "samples.parquet")):
        if preprocessing is not None or class_folders:
            raise InputError(
                f"{path} is a sample set, which has its size and its labels; leave preprocessing and classes"
            )
        return SampleSet(path)
    if path.is_dir() and (path / DESCRIPTION).exists() and (path / MANIFEST).exists():
        raise InputError(
            f"{path} is a prepared dataset, not a folder of images; name the dataset and one of its splits"
        )
    if path.is_dir():
        return open_folder(path, preprocessing, class_folders=class_folders)
    if path.suffix.lower() == ".zip":
        return open_archive(path, preprocessing, class_folders=class_folders)
    if path.suffix.lower() == ".npz":
        if class_folders:
            raise InputError(f"{path} has no folders that could be classes; an .npz has its labels in arr_1")
        return ArrayImages(path, preprocessing)
    raise InputError(f"{path} is none of the kinds that can be opened; {ACCEPTED}")
