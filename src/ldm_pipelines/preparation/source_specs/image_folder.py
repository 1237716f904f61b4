"""Parameters of ``sources.image_folder``."""

from typing import Literal

from ldm_pipelines.spec import Spec


class ImageFolderSource(Spec):
    """Any folder tree of images: ``data/01_raw/NAME`` unless ``compute.yml`` says otherwise.

    The class of an image is the name of its parent folder, or the ``label`` column of ``labels`` (a CSV file in the
    folder's root with columns ``path,label``).
    """

    kind: Literal["image_folder"]
    labels: str | None = None
