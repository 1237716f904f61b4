"""COCO's caption files, ``captions_train2017.json`` and the like: which images there are and what is said of them."""

import json
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from ldm_pipelines.data.originals import NotInside, check_relative
from ldm_pipelines.errors import InputError, near_miss

Value = TypeVar("Value", int, str)


class CaptionedImages(NamedTuple):
    """Columns, an element for each image; images are in the order of their file names."""

    files: list[str]
    """Below the folder of images."""
    captions: list[tuple[str, ...]]
    """By the ids of the annotations, without white space at either end; empty ones are left out."""


def read_captions(file: Path) -> CaptionedImages:
    """Reads a whole caption file, of which only the columns are kept. Raises ``InputError`` naming file and key."""
    try:
        content = json.loads(file.read_bytes())
    except (ValueError, RecursionError) as error:
        raise InputError(f"{file} is not a JSON file ({error}); unpack it again") from error
    images, annotations = _table(file, content, "images"), _table(file, content, "annotations")
    identities = [_value(file, "images", row, image, "id", int) for row, image in enumerate(images)]
    files = [_value(file, "images", row, image, "file_name", str) for row, image in enumerate(images)]
    _check_names(file, files)
    position = _positions(file, identities)
    order = sorted(range(len(files)), key=files.__getitem__)
    said = _captions_by_image(file, annotations, position)
    return CaptionedImages([files[image] for image in order], [said[image] for image in order])


def _captions_by_image(file: Path, annotations: list[Any], position: dict[int, int]) -> list[tuple[str, ...]]:
    said: list[list[tuple[int, str]]] = [[] for _ in position]
    for row, annotation in enumerate(annotations):
        image = _value(file, "annotations", row, annotation, "image_id", int)
        if image not in position:
            raise InputError(f"{file}: annotations[{row}].image_id: {image} is the id of none of its images")
        number = _value(file, "annotations", row, annotation, "id", int)
        caption = _value(file, "annotations", row, annotation, "caption", str).strip()
        if caption:
            said[position[image]].append((number, caption))
    return [tuple(caption for _, caption in sorted(captions)) for captions in said]


def _table(file: Path, content: Any, key: str) -> list[Any]:
    if not isinstance(content, dict) or not isinstance(content.get(key), list):
        keys = content if isinstance(content, dict) else ()
        raise InputError(f"{file}: there is no list {key!r}{near_miss(key, keys)}; take COCO's caption annotations")
    return content[key]


def _value(file: Path, table: str, row: int, entry: Any, key: str, kind: type[Value]) -> Value:
    value = entry.get(key) if isinstance(entry, dict) else None
    if isinstance(value, kind) and not isinstance(value, bool):
        return value
    keys = entry if isinstance(entry, dict) and key not in entry else (key,)
    close = "" if key in keys else near_miss(key, keys)
    wanted = "a whole number" if kind is int else "a text"
    raise InputError(f"{file}: {table}[{row}].{key} must be {wanted}, not {str(value)[:40]!r}{close}")


def _positions(file: Path, identities: list[int]) -> dict[int, int]:
    position: dict[int, int] = {}
    for row, identity in enumerate(identities):
        if position.setdefault(identity, row) != row:
            raise InputError(f"{file}: images[{row}].id: {identity} is also that of images[{position[identity]}]")
    return position


def _check_names(file: Path, names: list[str]) -> None:
    first: dict[str, int] = {}
    for row, name in enumerate(names):
        try:
            check_relative(name)
        except NotInside as error:
            raise InputError(f"{file}: images[{row}].file_name: {error}") from error
        if first.setdefault(name, row) != row:
            raise InputError(f"{file}: images[{row}].file_name: {name!r} is also that of images[{first[name]}]")
