"""Parameters of ``sources.imagenet``."""

from typing import Literal, Self

from pydantic import model_validator

from ldm_pipelines.spec import PositiveInt, Spec


class ImagenetSource(Spec):
    """ILSVRC2012 as published: training images in synset folders, validation images flat or in synset folders.

    Classes are WordNet ids in the order of their names, as the released models number them.
    """

    kind: Literal["imagenet"]
    train: str | None = "train"
    """Folder of the training images (``SYNSET/*.JPEG``); null leaves them out."""
    validation: str | None = "val"
    """Folder of the validation images; null leaves them out."""
    devkit: str = "ILSVRC2012_devkit_t12/data"
    """Folder of the development kit's ``meta.mat`` and ``ILSVRC2012_validation_ground_truth.txt``, which are also
    looked for in the raw folder itself. Needed where the validation images are not in synset folders."""
    classes: PositiveInt = 1000
    """How many synset folders there are; labels would silently mean something else if some were missing."""

    @model_validator(mode="after")
    def _something_is_left(self) -> Self:
        if self.train is None and self.validation is None:
            raise ValueError("train and validation are both null, so there are no images")
        return self
