"""``labels.csv``: which images a folder dataset has, and the class of each."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ldm_pipelines.data.originals import NotInside, Originals
from ldm_pipelines.errors import InputError, near_miss

COLUMNS = ("path", "label")


@dataclass(frozen=True)
class Row:
    """One line: its number in the file (the header is 1) and the class; an empty label means none."""

    number: int
    label: str | None


def read_labels(root: Path, name: str) -> dict[str, Row]:
    """Rows of the CSV file ``name`` in ``root`` by relative path. Columns besides ``path`` and ``label`` are ignored.

    Raises ``InputError`` naming the row for a path that is absolute, leaves the folder, or is listed twice.
    """
    file = _inside(root, name)
    if file is None or not file.is_file():
        present = [path.name for path in root.glob("*.csv")]
        raise InputError(f"the labels file {name!r} is not in the image folder {root}{near_miss(name, present)}")
    rows: dict[str, Row] = {}
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            _check_header(file, reader.fieldnames or [])
            for fields in reader:
                path, row = _parse(file, reader.line_num, fields)
                if path in rows:
                    raise InputError(
                        f"{file}: row {row.number} lists {path!r} again (first in row {rows[path].number})"
                    )
                rows[path] = row
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{file} is not a CSV file in UTF-8: {error}") from error
    return rows


def _inside(root: Path, name: str) -> Path | None:
    try:
        return Originals(root).path(name)
    except NotInside:
        return None


def _check_header(file: Path, header: Sequence[str]) -> None:
    for column in COLUMNS:
        if column not in header:
            raise InputError(f"{file}: the first row must name the columns 'path,label'; {column!r} is missing"
                             f"{near_miss(column, header)}")  # fmt: skip


def _parse(file: Path, number: int, fields: dict[str, str | None]) -> tuple[str, Row]:
    path, label = fields["path"], fields["label"]
    if path is None or label is None or None in fields:
        raise InputError(f"{file}: row {number} has too few or too many fields; quote values that contain a comma")
    if not _stays_inside(path):
        raise InputError(f"{file}: row {number}: {path!r} must be a path inside the image folder, relative to it")
    return PurePosixPath(path).as_posix(), Row(number, label.strip() or None)


def _stays_inside(path: str) -> bool:
    pure = PurePosixPath(path)
    return bool(pure.parts) and not pure.is_absolute() and ".." not in pure.parts and "\0" not in path
