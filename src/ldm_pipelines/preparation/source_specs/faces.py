"""Parameters of ``sources.faces``."""

from typing import Literal

from ldm_pipelines.spec import PositiveInt, Spec


class FacesSource(Spec):
    """CelebA-HQ or FFHQ: a folder tree of images, or zip archives of them.

    With the two lists of the released code in the dataset's folder, these decide which image is in which split;
    without them, a hash of the names does.
    """

    kind: Literal["faces"]
    train_list: str
    """Names of the training images: ``celebahqtrain.txt``, ``ffhqtrain.txt``. Used if it is there."""
    validation_list: str
    """Names of the validation images: ``celebahqvalidation.txt``, ``ffhqvalidation.txt``. Used if it is there."""
    validation: PositiveInt
    """Without lists, exactly so many images are for validation: 5000 of CelebA-HQ's 30000, 10000 of FFHQ's 70000."""
    images: str | None = None
    """Folder or zip archive, below the dataset's folder, that holds the images; None: all folders and archives."""
