"""OpenImages' box files: up to 14.6 million rows, read in blocks into columns that are sorted by image."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
from numpy.typing import NDArray

from ldm_pipelines.errors import InputError, near_miss
from ldm_pipelines.preparation.annotations.box_table import BoxTable, Ids
from ldm_pipelines.preparation.annotations.openimages_classes import Classes, closest

CORNERS = ("XMin", "XMax", "YMin", "YMax")
COLUMNS = ("ImageID", "LabelName", *CORNERS, "IsGroupOf")
OUTSIDE = 0.01
"""So far outside the image corners may lie (they are then moved to its edge); beyond it the row is broken."""
BLOCK = 1 << 24
"""Bytes of the file that are parsed at once."""


def read_boxes(file: Path, classes: Classes, min_area: float, exclude_group_of: bool) -> tuple[BoxTable, int]:
    """The boxes of the classes to keep that fill more than ``min_area``, and how many images the file names.

    Raises ``InputError`` naming the file and the row of what is not as published.
    """
    images, ids, labels, corners = [], [], [], []
    first = 2  # the header is row 1
    for block in _blocks(file):
        rows = _Rows(file, first, block)
        of_image, label, box = rows.ids(), rows.labels(classes), rows.corners()
        area = (box[:, 1] - box[:, 0]) * (box[:, 3] - box[:, 2])
        kept = (label >= 0) & (area > min_area)
        if exclude_group_of:
            kept &= ~rows.group_of()
        images.append(np.unique(of_image))
        ids.append(of_image[kept])
        labels.append(label[kept])
        corners.append(box[kept].astype(np.float32))
        first += block.num_rows
    if not ids:
        raise InputError(f"{file} has no boxes; download it again")
    table = BoxTable.of(np.concatenate(ids), np.concatenate(labels), np.concatenate(corners))
    return table, len(np.unique(np.concatenate(images)))


def _blocks(file: Path) -> Iterator[Any]:
    """Record batches of the columns as text: a number that is none is then found with its row."""
    _check_header(file)
    convert = pacsv.ConvertOptions(include_columns=[*COLUMNS], column_types=dict.fromkeys(COLUMNS, pa.string()))
    try:
        with pacsv.open_csv(file, pacsv.ReadOptions(block_size=BLOCK), convert_options=convert) as reader:
            yield from reader
    except pa.ArrowInvalid as error:
        raise InputError(f"{file} is not a complete CSV file ({error}); download it again") from error


def _check_header(file: Path) -> None:
    try:
        with file.open(encoding="utf-8", newline="") as stream:
            header = next(csv.reader(stream), [])
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{file} is not a CSV file in UTF-8 ({error}); download it again") from error
    for column in COLUMNS:
        if column not in header:
            raise InputError(f"{file}: the column {column!r} is missing{near_miss(column, header)}")


class _Rows:
    """A block of rows and where in the file it begins."""

    def __init__(self, file: Path, first: int, block: Any) -> None:
        self._file = file
        self._first = first
        self._block = block

    def ids(self) -> Ids:
        text = self._block["ImageID"]
        wrong = pc.invert(pc.match_substring_regex(text, "^[0-9a-f]{1,16}$"))
        self._check(wrong.to_numpy(zero_copy_only=False), "ImageID", "is not 16 hexadecimal digits")
        digits = pc.utf8_lpad(text, 16, "0").cast(pa.binary(16))
        codes = np.frombuffer(digits.buffers()[1], np.uint8)[16 * digits.offset :][: 16 * len(digits)].reshape(-1, 16)
        values = np.where(codes > ord("9"), codes - (ord("a") - 10), codes - ord("0")).astype(np.uint8)
        return (values[:, ::2] << 4 | values[:, 1::2]).view(">u8").ravel().astype(np.uint64)

    def labels(self, classes: Classes) -> NDArray[np.int16]:
        known = pc.index_in(self._block["LabelName"], value_set=pa.array([*classes.place], pa.string()))
        unknown = known.is_null().to_numpy(zero_copy_only=False)
        self._check(unknown, "LabelName", "is not in the file of the classes' names", classes.place)
        return np.array([*classes.place.values()], np.int16)[known.to_numpy()]

    def corners(self) -> NDArray[np.float64]:
        """``(rows, 4)``: left, right, top, bottom, moved to the image's edge where they lie just outside."""
        columns = []
        for name in CORNERS:
            numbers = self._numbers(name)
            outside = ~((numbers >= -OUTSIDE) & (numbers <= 1 + OUTSIDE))  # true of what is no number
            self._check(outside, name, "lies outside the image: it must be from 0 to 1")
            columns.append(numbers.clip(0, 1))
        left, right, top, bottom = columns
        self._check(right < left, "XMax", "is less than XMin")
        self._check(bottom < top, "YMax", "is less than YMin")
        return np.stack(columns, axis=1)

    def group_of(self) -> NDArray[np.bool_]:
        return pc.equal(self._block["IsGroupOf"], "1").to_numpy(zero_copy_only=False)

    def _numbers(self, column: str) -> NDArray[np.float64]:
        text = self._block[column]
        try:
            return text.cast(pa.float64()).to_numpy()
        except pa.ArrowInvalid:
            self._check(np.array([not _is_number(value) for value in text]), column, "is not a number")
            raise

    def _check(self, wrong: NDArray[np.bool_], column: str, problem: str, known: dict[str, int] | None = None) -> None:
        if not wrong.any():
            return
        row = int(wrong.argmax())
        value = self._block[column][row].as_py()
        raise InputError(
            f"{self._file}: row {self._first + row}: {column} {value!r} {problem}"
            f"{'' if known is None else closest(value, known)}"
        )


def _is_number(value: Any) -> bool:
    try:
        value.cast(pa.float64())
    except pa.ArrowInvalid:
        return False
    return True
