"""Any folder tree of images."""

from pathlib import Path

from ldm_pipelines.errors import InputError
from ldm_pipelines.evaluation.images.image_files import ImageFiles
from ldm_pipelines.evaluation.images.preprocessing import Preprocessing
from ldm_pipelines.preparation.source_specs.image_folder import ImageFolderSource
from ldm_pipelines.preparation.sources.image_folder import list_images


def open_folder(folder: Path, preprocessing: Preprocessing | None = None, *, class_folders: bool = False) -> ImageFiles:
    """All images below ``folder``, sorted by path: those that a dataset prepared from it would be made of.

    Hidden files are skipped; links that lead out are refused. ``class_folders``: an image's class is the name of the
    folder it lies in, and images at the top have none.

    Raises:
        InputError: ``folder`` is no folder, or see ``ImageFiles``.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder")
    listing = list_images(ImageFolderSource(kind="image_folder"), folder, folder.name, 0)
    return ImageFiles(folder, listing, preprocessing, class_folders)
