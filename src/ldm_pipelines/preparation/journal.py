"""What has been prepared so far, shard by shard, so that the same command continues after a kill."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Outcome:
    """What became of one image: its columns of the manifest, or the reason it was rejected."""

    number: int
    """Position in its shard."""
    origin: str
    said: str
    """``Candidate.said``, empty for what is refused."""
    reason: str | None = None
    columns: dict[str, Any] = field(default_factory=dict)
    label: str | None = None
    """Name of its class."""
    caption: str | None = None
    boxes: list[list[float]] = field(default_factory=list)
    """Fields of ``Box``, in fractions of the prepared image."""
    dhash: str = ""
    """Its perceptual hash, 16 hexadecimal digits."""


def write_part(file: Path, header: str, outcomes: Iterable[Outcome]) -> None:
    """The outcomes of a whole shard, under ``header``, which says of what work. All of it is written, or nothing."""
    partial = file.with_suffix(".partial")
    with partial.open("w", encoding="utf-8") as stream:
        stream.write(header + "\n")
        stream.writelines(json.dumps(asdict(outcome)) + "\n" for outcome in outcomes)
    partial.replace(file)


def is_part_of(file: Path, header: str) -> bool:
    """Whether the file is there and of this very work."""
    if not file.is_file():
        return False
    with file.open(encoding="utf-8") as stream:
        return stream.readline() == header + "\n"


def read_part(file: Path) -> Iterator[Outcome]:
    """One outcome after another."""
    with file.open(encoding="utf-8") as stream:
        next(stream)
        for line in stream:
            yield Outcome(**json.loads(line))
