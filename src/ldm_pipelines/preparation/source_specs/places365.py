"""Parameters of ``sources.places365``."""

from typing import Literal

from ldm_pipelines.spec import Spec


class Places365Source(Spec):
    """Places365, Standard or Challenge: lists of images with a category each, and a folder of images for each list."""

    kind: Literal["places365"]
    train_list: str = "places365_train_standard.txt"
    """The training images; ``places365_train_challenge.txt`` is the larger set."""
    validation_list: str = "places365_val.txt"
    """The validation images."""
    categories: str = "categories_places365.txt"
    """Names and numbers of the categories."""
    train_images: str = "data_large_standard"
    """Folder of the training images; ``data_256_standard`` are the small ones, squeezed to 256 x 256 pixels."""
    validation_images: str = "val_large"
    """Folder of the validation images; ``val_256`` are the small ones."""
