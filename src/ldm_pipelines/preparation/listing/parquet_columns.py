"""Columns of Hugging Face Parquet files: which hold images, classes and captions, and their values."""

import json
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.types as kinds
from numpy.typing import NDArray

from ldm_pipelines.errors import InputError, near_miss
from ldm_pipelines.preparation.listing.files import Unusable
from ldm_pipelines.preparation.source_specs.parquet import ParquetSource

UNKNOWN_CLASS = -1
"""What test sets without published classes have in their label column."""


def image_column(schema: Any, source: ParquetSource, path: str) -> str:
    """Where the encoded images lie: ``image``, or ``image.bytes`` within a struct.

    Raises ``InputError`` where a column that the source names is missing or of another type.
    """
    kind = _type(schema, source.image, "image", path)
    nested = kinds.is_struct(kind) and kind.get_field_index("bytes") >= 0
    encoded = kind.field("bytes").type if nested else kind
    if not (kinds.is_binary(encoded) or kinds.is_large_binary(encoded)) or "." in source.image:
        raise _wrong(path, "image", source.image, kind, "binary, or a struct with a binary field 'bytes'")
    if source.label is not None:
        kind = _type(schema, source.label, "label", path)
        if not (kinds.is_integer(kind) or _is_text(kind)):
            raise _wrong(path, "label", source.label, kind, "integers or text")
    if source.caption is not None:
        kind = _type(schema, source.caption, "caption", path)
        if not _is_text(kind):
            raise _wrong(path, "caption", source.caption, kind, "text")
    return f"{source.image}.bytes" if nested else source.image


def _type(schema: Any, column: str, key: str, path: str) -> Any:
    if column not in schema.names:
        raise InputError(f"{path}: source.{key}: there is no column {column!r}{near_miss(column, schema.names)}")
    return schema.field(column).type


def _is_text(kind: Any) -> bool:
    kind = kind.value_type if kinds.is_dictionary(kind) else kind
    return bool(kinds.is_string(kind) or kinds.is_large_string(kind))


def _wrong(path: str, key: str, column: str, kind: Any, wanted: str) -> InputError:
    return InputError(f"{path}: source.{key}: the column {column!r} must be {wanted}, not {kind}")


def class_names(schema: Any, source: ParquetSource, path: str) -> tuple[str, ...] | None:
    """Names that integers in the label column index (a ``ClassLabel``); None where the metadata has none.

    Raises ``InputError`` where the metadata is not what the ``datasets`` library writes.
    """
    text = (schema.metadata or {}).get(b"huggingface")
    if text is None or source.label is None or not kinds.is_integer(schema.field(source.label).type):
        return None
    try:
        names = json.loads(text)["info"]["features"][source.label].get("names")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(
            f"{path}: its metadata 'huggingface' does not describe the column {source.label!r} "
            "(info.features.NAME.names); download the file again"
        ) from error
    if names is None:
        return None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names) or len({*names}) < len(names):
        raise InputError(f"{path}: its metadata 'huggingface' must list different names for {source.label!r}")
    return tuple(names)


def label_of(value: Any, names: tuple[str, ...] | None) -> str | None:
    """The class's name; a number stays one where there are no names. Raises ``Unusable``."""
    if value is None or value == UNKNOWN_CLASS:
        return None
    if isinstance(value, str) or names is None:
        return str(value)
    if not 0 <= value < len(names):
        raise Unusable(f"its class {value} is not one of the {len(names)} that the file names")
    return names[value]


def values(file: Any, group: int, column: str) -> list[Any]:
    """One column of a row group."""
    return file.read_row_group(group, columns=[column]).column(column).to_pylist()


def texts(file: Any, group: int, column: str) -> list[str | None]:
    """The same for text. Raises ``Unusable`` where bytes are no UTF-8."""
    try:
        return values(file, group, column)
    except UnicodeDecodeError as error:
        raise Unusable(f"row group {group}: the column {column!r} is not text in UTF-8") from error


def rows_without_bytes(file: Any, group: int, column: str) -> NDArray[np.bool_]:
    """Which rows of the group have no image. Images are read only where the file's statistics cannot rule it out."""
    about = file.metadata.row_group(group)
    statistics = next(
        part.statistics
        for part in (about.column(index) for index in range(about.num_columns))
        if part.path_in_schema == column
    )
    if statistics is not None and statistics.has_null_count and statistics.null_count in (0, about.num_rows):
        return np.full(about.num_rows, statistics.null_count > 0)
    images = file.read_row_group(group, columns=[column]).column(column.partition(".")[0])
    if kinds.is_struct(images.type):
        images = pc.struct_field(images, "bytes")
    return np.array(images.is_null().to_pylist(), bool)
