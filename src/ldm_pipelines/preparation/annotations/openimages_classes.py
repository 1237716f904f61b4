"""OpenImages' classes: the file with their names, those that count as others, and the list of those to keep."""

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from ldm_pipelines.errors import InputError, near_miss

HEADER = ["LabelName", "DisplayName"]
LAYOUT_MODEL = Path(__file__).with_name("openimages_layout_classes.csv")
"""The classes of the released layout model, numbered as there: 300 frequent ones and what COCO has as well, after its
merges (the lists of taming-transformers' ``open_images_helper``; by LabelName, the suitcase last). Names are V6's."""


class Classes(NamedTuple):
    """Which class each published label is of."""

    names: tuple[str, ...]
    """Display names of the classes to keep, in the order of the list, or sorted."""
    place: dict[str, int]
    """LabelName ("/m/01g317"): index into ``names``; -1 for classes that are not kept."""


def read_classes(file: Path, kept: Path | None, merge: Mapping[str, str]) -> Classes:
    """All classes of ``file`` (older releases: without a header), or those that the lines of ``kept`` name.

    Boxes of the classes that ``merge`` names (display names or LabelNames) count as those of its values, before any
    class is left out; such a class is none of its own. Raises ``InputError`` naming file and line, or the setting.
    """
    display = _read_names(file)
    merged = _merged(merge, display)
    counted = {label: merged.get(name, name) for label, name in display.items()}
    if kept is None:
        names = tuple(sorted({*counted.values()}))
    elif kept == LAYOUT_MODEL:
        names = tuple(display.get(label, name) for label, name in _read_names(kept).items())
    else:
        names = tuple(name for name in _read_kept(kept, display) if name not in merged)
    position = {name: index for index, name in enumerate(names)}
    return Classes(names, {label: position.get(name, -1) for label, name in counted.items()})


def closest(name: str, known: Iterable[str]) -> str:
    """``near_miss`` without the list of all 601 names."""
    hint = near_miss(name, known)
    return hint if hint.startswith("; did you mean") else ""


def _merged(merge: Mapping[str, str], display: Mapping[str, str]) -> dict[str, str]:
    """Display names of classes that count as another, and of that other."""
    known = {*display.values()}
    named = {text: display.get(text, text) for pair in merge.items() for text in pair}
    for text, name in named.items():
        if name not in known:
            raise InputError(f"source.merge: no class is called {text!r}{closest(text, known)}")
    merged = {named[one]: named[other] for one, other in merge.items()}
    for name, other in merged.items():
        if other in merged:
            raise InputError(
                f"source.merge: {name!r} counts as {other!r}, which counts as {merged[other]!r}; name that"
            )
    return merged


def _read_names(file: Path) -> dict[str, str]:
    display: dict[str, str] = {}
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            for row in reader:
                if not row or row == HEADER:
                    continue
                if len(row) != 2 or not all(field.strip() for field in row):
                    raise InputError(f"{file}: line {reader.line_num} must be LabelName,DisplayName, not {row}")
                if row[0] in display:
                    raise InputError(f"{file}: line {reader.line_num} names {row[0]} again")
                display[row[0]] = row[1]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{file} is not a CSV file in UTF-8 ({error}); download it again") from error
    if not display:
        raise InputError(f"{file} has no classes; download it again")
    return display


def _read_kept(file: Path, display: dict[str, str]) -> tuple[str, ...]:
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"{file} is not a text file in UTF-8: {error}") from error
    names: dict[str, int] = {}
    known = {*display.values()}
    for number, line in enumerate(map(str.strip, lines), start=1):
        if not line:
            continue
        name = display.get(line, line)
        if name not in known:
            raise InputError(f"{file}: line {number}: no class is called {line!r}{closest(line, known)}")
        if name in names:
            raise InputError(f"{file}: line {number} lists {name!r} again (first in line {names[name]})")
        names[name] = number
    if not names:
        raise InputError(f"{file} lists no class; write one in each line, or set source.classes to null")
    return tuple(names)
