"""Parameters of ``sources.webdataset``."""

from typing import Literal

from ldm_pipelines.spec import Spec


class WebDatasetSource(Spec):
    """Tar shards of images with captions (LAION as img2dataset writes it): a sample is the files of one name."""

    kind: Literal["webdataset"]
    shards: str = "**/*.tar"
    """Pattern of the shards' paths."""
    caption: str | None = None
    """Key of the sample's ``.json`` that holds the caption; None: its ``.txt`` is the caption."""
    splits: dict[Literal["train", "validation", "test"], str] = {}
    """Pattern of the paths of a split's shards, matched from the right (``val-*.tar``, ``val/*.tar``). The images of
    shards that match none are divided by the dataset's own ``splits``."""
