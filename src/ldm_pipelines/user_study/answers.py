"""Answers as people hand them in: the files that the page offers for download, checked."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, FiniteFloat, ValidationError

from ldm_pipelines.errors import InputError
from ldm_pipelines.spec import PositiveInt, Spec
from ldm_pipelines.user_study.questions import Key

AGAIN = "download it again from the page, or take the file out of the folder"
ROUNDED = 1
"""ms by which the page may round."""


class Answer(Spec):
    """One choice."""

    study: str
    key: str
    """Digest of the key of the page that was answered."""
    participant: Annotated[str, Field(pattern=r"^[0-9a-f]{8}$")]
    """A number that the browser drew."""
    position: PositiveInt
    question: str
    choice: Literal["left", "right"]
    shown_ms: Annotated[FiniteFloat, Field(ge=0)]
    response_ms: Annotated[FiniteFloat, Field(ge=0)]
    """From the images' disappearance to the choice."""
    views: PositiveInt
    """How often the images were shown: more than once after a pause or a reload."""


COLUMNS = tuple(Answer.model_fields)
HEAD = ("study", "key", "participant")
"""What all answers of a JSON file share."""

Placed = tuple[str, dict[str, Any]]
"""Where an answer stands in its file, and what is there."""


def read_answers(folder: Path, key: Key) -> list[Answer]:
    """Every answer in the folder's ``.json`` and ``.csv`` files; none where there are no files.

    Raises:
        InputError: a file is no such file; an answer is incomplete, impossible, of another study or version of it, or
            given twice. The message names the file and the place.
    """
    answers: list[Answer] = []
    seen: dict[tuple[str, str], str] = {}
    for file in sorted(folder.iterdir()) if folder.is_dir() else ():
        if file.name.startswith("."):
            continue
        for place, content in _rows(file):
            where = f"{file}: {place}"
            answer = _checked(where, content, key)
            first = seen.setdefault((answer.participant, answer.question), where)
            if first != where:
                raise InputError(
                    f"{where}: participant {answer.participant} has answered question {answer.question} already, in "
                    f"{first}; keep one of the two (one download per participant, JSON or CSV)"
                )
            answers.append(answer)
    return answers


def _rows(file: Path) -> Iterator[Placed]:
    readers = {".json": _of_json, ".csv": _of_csv}
    if file.suffix.lower() not in readers:
        raise InputError(f"{file} is neither JSON nor CSV; only files that the page offers for download belong here")
    try:
        rows = readers[file.suffix.lower()](file.read_text(encoding="utf-8-sig"), file)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file} cannot be read ({error}); {AGAIN}") from error
    if not rows:
        raise InputError(f"{file} holds no answers; {AGAIN}")
    yield from rows


def _of_json(text: str, file: Path) -> list[Placed]:
    try:
        content = json.loads(text)
    except ValueError as error:
        raise InputError(f"{file} is not JSON ({error}); {AGAIN}") from error
    missing = [name for name in (*HEAD, "answers") if not isinstance(content, dict) or name not in content]
    if missing:
        raise InputError(f"{file} has no {', '.join(missing)}: it is no file of answers; {AGAIN}")
    answers, head = content["answers"], {name: content[name] for name in HEAD}
    if not isinstance(answers, list) or not all(isinstance(answer, dict) for answer in answers):
        raise InputError(f"{file}: answers is not a list of objects; {AGAIN}")
    return [(f"answer {number}", head | answer) for number, answer in enumerate(answers, start=1)]


def _of_csv(text: str, file: Path) -> list[Placed]:
    reader = csv.DictReader(text.splitlines(), strict=True)
    missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
    if missing:
        raise InputError(f"{file} has no column {', '.join(missing)}; separate columns by commas, or {AGAIN}")
    try:
        return [(f"row {reader.line_num}", {str(name): value for name, value in row.items()}) for row in reader]
    except csv.Error as error:
        raise InputError(f"{file} is not CSV after row {reader.line_num} ({error}); {AGAIN}") from error


def _checked(where: str, content: dict[str, Any], key: Key) -> Answer:
    try:
        answer = Answer.model_validate(content)
    except ValidationError as error:
        problem = error.errors()[0]
        name = ".".join(map(str, problem["loc"]))
        raise InputError(f"{where}: {name}: {problem['msg']}, not {problem['input']!r}; {AGAIN}") from error
    if (answer.study, answer.key) != (key.study, key.digest):
        raise InputError(
            f"{where} is of the study {answer.study!r} with the key {answer.key}, not of {key.study!r} with "
            f"{key.digest}: the page has been made again since, or the answers are another study's; take the file out"
        )
    if answer.question not in {question.id for question in key.questions}:
        first, last = key.questions[0].id, key.questions[-1].id
        raise InputError(f"{where}: {key.study!r} has no question {answer.question!r}, only {first} to {last}; {AGAIN}")
    if answer.shown_ms < 1000 * key.seconds - ROUNDED:
        raise InputError(
            f"{where}: shown_ms {answer.shown_ms:g} is impossible: the page shows the images for {key.seconds:g} s "
            f"before it takes an answer; {AGAIN}"
        )
    return answer
