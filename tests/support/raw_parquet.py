"""Tiny Parquet files, as the ``datasets`` library writes them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from support.encoded_images import encoded

CLASSES = ("tench", "goldfish", "great white shark")


def write_parquet(
    file: Path,
    images: Sequence[bytes | None],
    labels: Sequence[int | None],
    captions: Sequence[str | None],
    classes: Sequence[str] | None = CLASSES,
    **options: Any,
) -> None:
    """Row groups of two rows."""
    structs = [None if image is None else {"bytes": image, "path": f"{n}.jpg"} for n, image in enumerate(images)]
    table = pa.table({
        "image": pa.array(structs, pa.struct({"bytes": pa.binary(), "path": pa.string()})),
        "label": pa.array(labels, pa.int64()),
        "text": pa.array(captions, pa.string()),
    })  # fmt: skip
    label = {"dtype": "int64", "_type": "Value"} if classes is None else {"names": [*classes], "_type": "ClassLabel"}
    features = {"image": {"_type": "Image"}, "label": label, "text": {"dtype": "string", "_type": "Value"}}
    about = {b"huggingface": json.dumps({"info": {"features": features}}).encode()}
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table.replace_schema_metadata(about), file, row_group_size=2, **options)


def make_parquet(root: Path) -> Path:
    """Two train parts of three rows and one, a validation part and a test part whose classes are not published."""
    write_parquet(root / "data/train-00001-of-00002.parquet", [encoded(3)], [0], [" a tench \n"])
    write_parquet(
        root / "data/train-00000-of-00002.parquet", [encoded(n) for n in range(3)], [2, 0, 1], ["x", "", None]
    )
    write_parquet(root / "data/validation-00000-of-00001.parquet", [encoded(4)], [1], ["v"])
    write_parquet(root / "data/test-00000-of-00001.parquet", [encoded(5)], [-1], ["t"])
    return root
