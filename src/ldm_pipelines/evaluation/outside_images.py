"""Images from outside, opened and described as ``evaluate`` was asked to."""

from pathlib import Path
from typing import Any

from ldm_pipelines.digests import digest_file, digest_folder
from ldm_pipelines.evaluation.comparability import formats
from ldm_pipelines.evaluation.images.image_files import ImageFiles
from ldm_pipelines.evaluation.images.image_set import ImageSet
from ldm_pipelines.evaluation.images.opening import open_images
from ldm_pipelines.evaluation.images.preprocessing import Preprocessing
from ldm_pipelines.evaluation.images.sample_sets import SampleSet
from ldm_pipelines.evaluation.outside_spec import Outside
from ldm_pipelines.evaluation.provenance import class_balance


def open_outside(path: Path, spec: Outside, *, class_folders: bool = False) -> ImageSet:
    """The images at ``path``, brought to ``spec.image_size`` where one is given; sample sets have their size.

    Raises:
        InputError: see ``open_images``.
    """
    ours = (path / "samples.json").exists()
    size = None if ours else spec.image_size
    preprocessing = Preprocessing(image_size=size, resize=spec.resize) if size else None
    return open_images(path, preprocessing, class_folders=class_folders)


def classes_of(images: ImageSet) -> list[str]:
    """Names of the classes that the images' labels index; empty where there are none."""
    if isinstance(images, SampleSet):
        return list(images.info.classes)
    return images.classes if isinstance(images, ImageFiles) else []


def describe_images(path: Path, images: ImageSet, spec: Outside) -> dict[str, Any]:
    """What they are, for a result's provenance."""
    resized = spec.image_size is not None and not isinstance(images, SampleSet)
    return {
        "name": path.name,
        "count": len(images),
        "digest": digest_folder(path) if path.is_dir() else digest_file(path),
        "image_size": images.image_size,
        "resize": spec.resize if resized else "as they are",
        "formats": formats(images),
        "class_balance": class_balance(images.labels),
    }
