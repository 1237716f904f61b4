"""Files of answers: what is taken, and what is refused with the place and what to do. All answers here are made up."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from user_study.conftest import STUDY

from ldm_pipelines.errors import InputError
from ldm_pipelines.user_study.answers import COLUMNS, read_answers
from ldm_pipelines.user_study.questions import Key


def sheet(key: Key, participant: str = "00c0ffee", **changes: Any) -> dict[str, Any]:
    """Two answers, the second with changes."""
    answers = [
        {"position": place, "question": question.id, "choice": "left", "shown_ms": 51, "response_ms": 700, "views": 1}
        for place, question in enumerate(key.questions[:2], start=1)
    ]
    answers[1] |= changes
    return {"study": key.study, "key": key.digest, "participant": participant, "answers": answers}


def as_csv(content: dict[str, Any]) -> str:
    rows = [{**content, **answer} for answer in content["answers"]]
    return "\n".join([",".join(COLUMNS), *(",".join(str(row[name]) for name in COLUMNS) for row in rows)]) + "\n"


def test_json_and_csv_say_the_same(key: Key, tmp_path: Path) -> None:
    for kind in ("json", "csv", "CSV with a byte order mark"):
        folder = tmp_path / kind
        folder.mkdir()
        if kind == "json":
            (folder / "a.json").write_text(json.dumps(sheet(key)))
        else:
            (folder / "a.CSV").write_text(as_csv(sheet(key)), encoding="utf-8-sig" if "byte" in kind else "utf-8")
    read = [read_answers(tmp_path / kind, key) for kind in ("json", "csv", "CSV with a byte order mark")]
    assert read[0] == read[1] == read[2]
    assert [(answer.question, answer.choice) for answer in read[0]] == [
        (key.questions[0].id, "left"),
        (key.questions[1].id, "left"),
    ]


def test_no_folder_and_a_folder_with_hidden_files_alone_have_no_answers(key: Key, tmp_path: Path) -> None:
    (tmp_path / ".gitkeep").touch()
    assert read_answers(tmp_path, key) == []
    assert read_answers(tmp_path / "nowhere", key) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"question": "q99"}, "has no question 'q99', only q01 to q12"),
        ({"choice": "middle"}, "choice: Input should be 'left' or 'right', not 'middle'"),
        ({"response_ms": -1}, "response_ms: Input should be greater than or equal to 0"),
        ({"response_ms": float("nan")}, "response_ms: Input should be a finite number"),
        ({"shown_ms": 20}, "shown_ms 20 is impossible: the page shows the images for 0.05 s"),
        ({"views": 0}, "views: Input should be greater than 0"),
        ({"position": "?"}, "position: Input should be a valid integer"),
    ],
)
@pytest.mark.parametrize("form", ["json", "csv"])
def test_an_impossible_answer_is_refused_with_its_file_and_place(
    key: Key, tmp_path: Path, form: str, changes: dict[str, Any], message: str
) -> None:
    content = sheet(key, **changes)
    (tmp_path / f"a.{form}").write_text(json.dumps(content) if form == "json" else as_csv(content))
    place = "answer 2" if form == "json" else "row 3"
    with pytest.raises(InputError, match=f"a.{form}: {place}.*{re.escape(message)}"):
        read_answers(tmp_path, key)


def test_answers_to_another_study_or_version_are_refused(key: Key, tmp_path: Path) -> None:
    for change in ({"study": "softer"}, {"key": "0" * 16}):
        (tmp_path / "a.json").write_text(json.dumps(sheet(key) | change))
        with pytest.raises(InputError, match=f"not of '{STUDY.name}' with {key.digest}: the page has been made again"):
            read_answers(tmp_path, key)


def test_one_participants_second_answer_to_a_question_is_refused_and_the_first_named(key: Key, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(as_csv(sheet(key)))
    (tmp_path / "b.json").write_text(json.dumps(sheet(key)))
    with pytest.raises(
        InputError, match=r"(?s)b.json: answer 1: participant 00c0ffee has answered .* already, in .*a.csv: row 2"
    ):
        read_answers(tmp_path, key)
    (tmp_path / "b.json").write_text(json.dumps(sheet(key, participant="0000cafe")))
    assert len(read_answers(tmp_path, key)) == 4


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", "{", "a.json is not JSON"),
        ("a.json", "[1]", "a.json has no study, key, participant, answers"),
        ("a.json", '{"study": "s", "key": "k", "participant": "p", "answers": [1]}', "answers is not a list of objects"),
        ("a.json", '{"study": "s", "key": "k", "participant": "p", "answers": []}', "a.json holds no answers"),
        ("a.csv", "", "a.csv has no column study, key, participant"),
        ("a.csv", ";".join(COLUMNS) + "\n", "separate columns by commas"),
        ("a.csv", ",".join(COLUMNS) + "\n", "a.csv holds no answers"),
        ("a.csv", ",".join(COLUMNS) + "\n1,2\n", "a.csv: row 2: participant: Input should be a valid string, not None"),
        ("a.csv", ",".join(COLUMNS) + '\n"1\n', "a.csv is not CSV after row 1"),
        ("a.xlsx", "", "a.xlsx is neither JSON nor CSV"),
    ],
)  # fmt: skip
def test_what_is_no_file_of_answers_is_refused(key: Key, tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=message):
        read_answers(tmp_path, key)


def test_a_file_that_is_no_text_is_refused(key: Key, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"a\.csv cannot be read"):
        read_answers(tmp_path, key)
