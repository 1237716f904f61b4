"""The tables of a prepared dataset, checked whenever they are written or read."""

from collections.abc import Iterable
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd
import pandera.errors
import pandera.pandas as pa
import pyarrow
import pyarrow.parquet as pq
from pandera.typing.pandas import Series

from ldm_pipelines.data.originals import is_relative
from ldm_pipelines.data.splits import SPLITS
from ldm_pipelines.errors import InputError

MANIFEST = "manifest.parquet"
BOXES = "boxes.parquet"
REJECTED = "rejected.parquet"
HEX_DIGEST = r"^[0-9a-f]{64}$"
ROW_GROUP, BOX_ROW_GROUP = 2**14, 2**16
"""Rows that are written at once."""
ROUNDING = 1e-9
"""By which a box may end beyond the image."""


class Manifest(pa.DataFrameModel):
    """One row per prepared image, in the order of the source."""

    id: Series[str] = pa.Field(unique=True, str_matches=r"^[A-Za-z0-9_-]+$")
    path: Series[str] = pa.Field(unique=True)
    """Relative to the dataset's folder, with forward slashes."""
    origin: Series[str]
    """Where the image came from, relative to the raw folder."""
    source_mode: Series[str]
    """Pillow's mode before the conversion to RGB, for example ``CMYK``."""
    source_width: Series[np.int64] = pa.Field(gt=0)
    source_height: Series[np.int64] = pa.Field(gt=0)
    width: Series[np.int64] = pa.Field(gt=0)
    height: Series[np.int64] = pa.Field(gt=0)
    sha256: Series[str] = pa.Field(str_matches=HEX_DIGEST)
    """Of the PNG file."""
    pixels: Series[str] = pa.Field(str_matches=HEX_DIGEST)
    """Hash of the prepared pixels; decides the split."""
    split: Series[str] = pa.Field(isin=SPLITS)
    label: Series[np.int64] = pa.Field(ge=-1)
    """Index into the dataset's classes; -1 is none."""
    caption: Series[str] | None = pa.Field(nullable=True)
    """Only where the dataset has captions."""
    map_sha256: Series[str] | None = pa.Field(str_matches=HEX_DIGEST)
    """Of ``maps/ID.png``, the semantic map; only where the dataset has maps."""

    class Config:
        strict = True
        ordered = True

    @pa.check("path", name="a relative path inside the folder", element_wise=True)
    def _inside(cls, path: str) -> bool:
        # By the text alone: DVC may lay the files of a folder as links into its cache.
        return is_relative(path)


class InPlaceManifest(pa.DataFrameModel):
    """One row per image that is left where it lies in the raw folder, in the order of the source."""

    id: Series[str] = pa.Field(unique=True, str_matches=r"^[A-Za-z0-9_-]+$")
    path: Series[str]
    """Of the file or container, relative to the raw folder, with forward slashes."""
    member: Series[str]
    """What ``Location`` says of the image within a container; empty for a file of its own."""
    origin: Series[str]
    source_mode: Series[str]
    source_width: Series[np.int64] = pa.Field(gt=0)
    source_height: Series[np.int64] = pa.Field(gt=0)
    width: Series[np.int64] = pa.Field(gt=0)
    height: Series[np.int64] = pa.Field(gt=0)
    sha256: Series[str] = pa.Field(str_matches=HEX_DIGEST)
    """Of the encoded image; decides the split where the source does not."""
    split: Series[str] = pa.Field(isin=SPLITS)
    label: Series[np.int64] = pa.Field(ge=-1)
    caption: Series[str] | None = pa.Field(nullable=True)
    map_path: Series[str] | None
    """Of the semantic map, relative to the raw folder."""
    map_sha256: Series[str] | None = pa.Field(str_matches=HEX_DIGEST)

    class Config:
        strict = True
        ordered = True

    @pa.check("path", name="a relative path inside the folder", element_wise=True)
    def _inside(cls, path: str) -> bool:
        return is_relative(path)

    @pa.check("map_path", name="a relative path inside the folder", element_wise=True)
    def _map_inside(cls, path: str) -> bool:
        return is_relative(path)


def manifest_model(columns: Iterable[str]) -> type[pa.DataFrameModel]:
    """Which of the two a table with these columns is."""
    return InPlaceManifest if "member" in columns else Manifest


class Boxes(pa.DataFrameModel):
    """One row per box, images in the manifest's order, boxes of an image in the source's."""

    id: Series[str]
    """Of the image."""
    label: Series[np.int64] = pa.Field(ge=0)
    """Index into the dataset's box classes."""
    x: Series[np.float64] = pa.Field(ge=0)
    """The left edge, in fractions of the image; ``y`` is the upper one."""
    y: Series[np.float64] = pa.Field(ge=0)
    width: Series[np.float64] = pa.Field(gt=0)
    height: Series[np.float64] = pa.Field(gt=0)

    class Config:
        strict = True
        ordered = True

    @pa.dataframe_check(name="boxes end inside the image")
    def _ends_inside(cls, frame: pd.DataFrame) -> Series[bool]:
        across, down = frame["x"] + frame["width"], frame["y"] + frame["height"]
        return cast("Series[bool]", (across <= 1 + ROUNDING) & (down <= 1 + ROUNDING))


class Rejected(pa.DataFrameModel):
    """One row per image that was left out."""

    path: Series[str]
    reason: Series[str] = pa.Field(str_length={"min_value": 1})

    class Config:
        strict = True
        ordered = True


def write_manifest(frames: Iterable[pd.DataFrame], folder: Path) -> None:
    """Checks and writes ``manifest.parquet``, frame by frame; raises ``InputError`` naming file and row."""
    _write(frames, None, folder / MANIFEST)


def read_manifest(folder: Path) -> pd.DataFrame:
    """Reads and checks ``manifest.parquet``; raises ``InputError`` naming the file and the row."""
    return _read(None, folder / MANIFEST)


def write_boxes(frames: Iterable[pd.DataFrame], folder: Path) -> None:
    """Checks and writes ``boxes.parquet``."""
    _write(frames, Boxes, folder / BOXES, BOX_ROW_GROUP)


def read_boxes(folder: Path) -> pd.DataFrame:
    """Reads and checks ``boxes.parquet``: columns id, label, x, y, width, height."""
    return _read(Boxes, folder / BOXES)


def write_rejected(frames: Iterable[pd.DataFrame], folder: Path) -> None:
    """Checks and writes ``rejected.parquet``."""
    _write(frames, Rejected, folder / REJECTED)


def read_rejected(folder: Path) -> pd.DataFrame:
    """Reads and checks ``rejected.parquet``: columns path, reason."""
    return _read(Rejected, folder / REJECTED)


def _write(
    frames: Iterable[pd.DataFrame], model: type[pa.DataFrameModel] | None, file: Path, row_group: int = ROW_GROUP
) -> None:
    """Frame by frame, so that memory does not grow with the table. At least one frame, perhaps an empty one.

    A row group has ``row_group`` rows or, where frames do not divide it, a few more.
    """
    writer: pq.ParquetWriter | None = None
    waiting: list[pyarrow.Table] = []

    def write(writer: pq.ParquetWriter | None) -> pq.ParquetWriter:
        table = pyarrow.concat_tables(waiting).combine_chunks()
        writer = writer or pq.ParquetWriter(file, table.schema)
        writer.write_table(table)
        waiting.clear()
        return writer

    try:
        for frame in frames:
            waiting.append(pyarrow.Table.from_pandas(_check(frame, model, file), preserve_index=False))
            if sum(map(len, waiting)) >= row_group:
                writer = write(writer)
        if waiting:
            writer = write(writer)
    finally:
        if writer is not None:
            writer.close()


def _read(model: type[pa.DataFrameModel] | None, file: Path) -> pd.DataFrame:
    if not file.is_file():
        raise InputError(
            f"{file} does not exist: this is not a prepared dataset, or it is incomplete; prepare it again"
        )
    try:
        frame = pd.read_parquet(file)
    except (OSError, ValueError) as error:
        raise InputError(f"{file} is not a readable parquet file ({error}); prepare the dataset again") from error
    return _check(frame, model, file)


def _check(frame: pd.DataFrame, model: type[pa.DataFrameModel] | None, file: Path) -> pd.DataFrame:
    """``model`` None: the manifest's, by its columns."""
    try:
        return (model or manifest_model(frame.columns)).validate(frame, lazy=True)
    except pandera.errors.SchemaErrors as error:
        raise InputError(_describe(error.failure_cases, file)) from error


def _describe(failures: pd.DataFrame, file: Path) -> str:
    first = failures.iloc[0]
    where = "" if pd.isna(first["index"]) else f"row {int(first['index'])}, "
    value = first["failure_case"]
    value = value.item() if isinstance(value, np.generic) else value
    more = f" (and {len(failures) - 1} more problems)" if len(failures) > 1 else ""
    return (
        f"{file}: {where}column {first['column']!r}: {value!r} fails {first['check']!r}{more}; "
        "prepare the dataset again"
    )
