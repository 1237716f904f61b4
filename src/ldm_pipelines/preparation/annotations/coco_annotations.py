"""COCO's annotation files, ``captions_train2017.json`` and the like: tables of JSON objects, read column by column."""

import json
from pathlib import Path
from typing import Any, TypeVar

from ldm_pipelines.data.originals import NotInside, check_relative
from ldm_pipelines.errors import InputError, near_miss

Value = TypeVar("Value", int, str, list[Any])

WANTED = {int: "a whole number", str: "a text", list: "a list"}


class AnnotationFile:
    """One of COCO's files, held while its columns are taken. Every error names the file, the table, row and key."""

    def __init__(self, file: Path, kind: str) -> None:
        """``kind``: which annotations these should be, for people. Raises ``InputError`` where it is no JSON file."""
        self.file = file
        self._kind = kind
        try:
            self._content = json.loads(file.read_text(encoding="utf-8-sig"), object_hook=_without_outlines)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{file} is not a JSON file ({error}); unpack it again") from error

    def column(self, table: str, key: str, kind: type[Value]) -> list[Value]:
        """The values of one key in all rows of a table. Raises ``InputError``."""
        return [self._value(table, row, entry, key, kind) for row, entry in enumerate(self._table(table))]

    def positions(self, table: str) -> dict[int, int]:
        """Row by id. Raises ``InputError`` for an id that occurs twice."""
        position: dict[int, int] = {}
        for row, identity in enumerate(self.column(table, "id", int)):
            if position.setdefault(identity, row) != row:
                raise self.wrong(table, row, "id", f"{identity} is also that of {table}[{position[identity]}]")
        return position

    def file_names(self) -> list[str]:
        """Of the images, below their folder. Raises ``InputError`` for unsafe ones, and for one that occurs twice."""
        first: dict[str, int] = {}
        names = self.column("images", "file_name", str)
        for row, name in enumerate(names):
            try:
                check_relative(name)
            except NotInside as error:
                raise self.wrong("images", row, "file_name", str(error)) from error
            if first.setdefault(name, row) != row:
                raise self.wrong("images", row, "file_name", f"{name!r} is also that of images[{first[name]}]")
        return names

    def references(self, key: str, position: dict[int, int], whose: str) -> list[int]:
        """For each annotation the position that the id under ``key`` stands for. Raises ``InputError``."""
        found = []
        for row, identity in enumerate(self.column("annotations", key, int)):
            if identity not in position:
                raise self.wrong("annotations", row, key, f"{identity} is the id of none of {whose}")
            found.append(position[identity])
        return found

    def wrong(self, table: str, row: int, key: str, problem: str) -> InputError:
        """The error for a value."""
        return InputError(f"{self.file}: {table}[{row}].{key}: {problem}")

    def _table(self, name: str) -> list[Any]:
        content = self._content
        if isinstance(content, dict) and isinstance(content.get(name), list):
            table: list[Any] = content[name]
            return table
        keys = content if isinstance(content, dict) else ()
        close = near_miss(name, keys)
        raise InputError(f"{self.file}: there is no list {name!r}{close}; take COCO's {self._kind} annotations")

    def _value(self, table: str, row: int, entry: Any, key: str, kind: type[Value]) -> Value:
        value = entry.get(key) if isinstance(entry, dict) else None
        if isinstance(value, kind) and not isinstance(value, bool):
            return value
        keys = entry if isinstance(entry, dict) and key not in entry else (key,)
        close = "" if key in keys else near_miss(key, keys)
        wanted = f"must be {WANTED[kind]}, not {str(value)[:40]!r}{close}"
        raise InputError(f"{self.file}: {table}[{row}].{key} {wanted}")


def _without_outlines(entry: dict[str, Any]) -> dict[str, Any]:
    """Outlines of objects are most of such a file; they go as soon as they are parsed."""
    entry.pop("segmentation", None)
    return entry
