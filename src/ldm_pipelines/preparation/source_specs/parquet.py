"""Parameters of ``sources.parquet``."""

from typing import Literal

from ldm_pipelines.spec import Spec

SplitName = Literal["train", "validation", "test"]


class ParquetSource(Spec):
    """Parquet files as the Hugging Face Hub lays them out: ``data/train-00000-of-00005.parquet``."""

    kind: Literal["parquet"]
    files: str = "data/*.parquet"
    """Pattern of the files' paths."""
    image: str = "image"
    """Column of the encoded images: binary, or a struct with a binary field ``bytes``."""
    label: str | None = None
    """Column of the classes: names, or integers that index the names in the file's metadata; None: no classes."""
    caption: str | None = None
    """Column of the captions; None: no captions."""
    splits: dict[str, SplitName | None] = {
        "train": "train",
        "validation": "validation",
        "valid": "validation",
        "val": "validation",
        "dev": "validation",
        "test": "test",
    }
    """Beginning of a file's name (before ``-00000-of-00005``): its split. null leaves such files out."""
