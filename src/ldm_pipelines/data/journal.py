"""What has been prepared so far, so that the same command continues after a kill."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Outcome:
    """What became of one image: its columns of the manifest, or the reason it was rejected."""

    number: int
    """Position in the source's listing."""
    origin: str
    signature: str
    reason: str | None = None
    columns: dict[str, Any] = field(default_factory=dict)


class Journal:
    """An append-only file of outcomes under a header; another header means other work, and an empty journal."""

    def __init__(self, file: Path, header: str) -> None:
        self._file = file
        self._outcomes = {outcome.number: outcome for outcome in _read(file, header)}
        file.write_text("".join([header + "\n", *map(_line, self._outcomes.values())]), encoding="utf-8")

    def find(self, number: int, origin: str, signature: str) -> Outcome | None:
        """The outcome of this very image, if there is one."""
        outcome = self._outcomes.get(number)
        same = outcome is not None and (outcome.origin, outcome.signature) == (origin, signature)
        return outcome if same else None

    def append(self, outcomes: Iterable[Outcome]) -> None:
        """Writes down new outcomes; their files must be complete."""
        new = [outcome for outcome in outcomes if self._outcomes.get(outcome.number) != outcome]
        with self._file.open("a", encoding="utf-8") as stream:
            stream.writelines(map(_line, new))
        self._outcomes.update({outcome.number: outcome for outcome in new})


def _line(outcome: Outcome) -> str:
    return json.dumps(asdict(outcome)) + "\n"


def _read(file: Path, header: str) -> Iterable[Outcome]:
    if not file.is_file():
        return
    lines = file.read_text(encoding="utf-8").splitlines()
    if not lines or lines[0] != header:
        return
    for line in lines[1:]:
        try:
            yield Outcome(**json.loads(line))
        except (ValueError, TypeError):  # torn by a kill; what follows is prepared again
            return
