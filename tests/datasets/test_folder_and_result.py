"""Artefacts appear whole or not at all."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from kedro.io import DatasetError

from ldm_pipelines.errors import InputError
from ldm_pipelines.io import FolderDataset, ResultDataset


def artefact(workspace: Path, text: str) -> Path:
    folder = workspace / "stage" / "x" / "artefact"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(text)
    (workspace / "stage" / "x" / "state.ckpt").write_text("state")
    return folder


def test_a_finished_folder_is_moved_into_place_and_its_workspace_removed(tmp_path: Path) -> None:
    dataset = FolderDataset(str(tmp_path / "models" / "x"), made_by="train.x")
    dataset.save(artefact(tmp_path / "work", "1"))
    assert (dataset.load() / "config.json").read_text() == "1"
    assert not (tmp_path / "work" / "stage" / "x").exists()


def test_saving_again_replaces_the_folder_as_a_whole(tmp_path: Path) -> None:
    dataset = FolderDataset(str(tmp_path / "x"), made_by="train.x")
    first = artefact(tmp_path / "a", "1")
    (first / "only_in_the_first").touch()
    dataset.save(first)
    dataset.save(artefact(tmp_path / "b", "2"))
    assert [p.name for p in dataset.load().iterdir()] == ["config.json"]
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


KILLED = """
import os, signal, sys
from pathlib import Path

from ldm_pipelines.io import FolderDataset

left = int(sys.argv[3])

def kill(event, arguments):
    global left
    if event == "os.rename":
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(kill)
FolderDataset(sys.argv[1], made_by="train.x").save(Path(sys.argv[2]))
"""


@pytest.mark.parametrize("elsewhere", [False, True])
@pytest.mark.parametrize("before", [1, 2, 3])
def test_a_kill_at_any_time_loses_no_finished_folder(
    tmp_path: Path, another_disk: Path, before: int, elsewhere: bool
) -> None:
    """Before the first, second … of its renames."""
    path = tmp_path / "x"
    FolderDataset(str(path), made_by="train.x").save(artefact(tmp_path / "a", "1"))
    finished = artefact((another_disk if elsewhere else tmp_path) / "b", "2")
    command = [sys.executable, "-c", KILLED, str(path), str(finished), str(before)]
    killed = subprocess.run(command, check=False).returncode
    assert killed in {0, -signal.SIGKILL}
    left = finished if killed else path
    assert (left / "config.json").read_text() == "2"
    if killed:  # the same command goes on
        FolderDataset(str(path), made_by="train.x").save(finished)
    assert (path / "config.json").read_text() == "2"
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith(".")] == []
    assert not finished.parent.exists()


@pytest.fixture
def another_disk(tmp_path: Path) -> Iterator[Path]:
    with TemporaryDirectory(dir="/dev/shm") as folder:
        if Path(folder).stat().st_dev == tmp_path.stat().st_dev:
            pytest.skip("there is one disk only")
        yield Path(folder)


def test_what_an_interrupted_save_left_behind_is_not_read_as_finished(tmp_path: Path) -> None:
    dataset = FolderDataset(str(tmp_path / "x"), made_by="train.x")
    (tmp_path / ".x.partial").mkdir()
    (tmp_path / ".x.partial" / "junk").touch()
    assert not dataset.exists()
    with pytest.raises(
        (InputError, DatasetError), match=r"does not exist yet; make it with `kedro run --pipelines=train\.x`"
    ):
        dataset.load()
    dataset.save(artefact(tmp_path / "work", "1"))
    assert [p.name for p in dataset.load().iterdir()] == ["config.json"]


def test_a_result_is_written_as_readable_json_and_read_back(tmp_path: Path) -> None:
    dataset = ResultDataset(str(tmp_path / "deep" / "x.json"))
    dataset.save({"metrics": {"fid": 1.5}, "kind": "samples"})
    assert dataset.load() == {"metrics": {"fid": 1.5}, "kind": "samples"}
    text = (tmp_path / "deep" / "x.json").read_text()
    assert text.endswith("}\n")
    assert list(json.loads(text)) == ["metrics", "kind"]


def test_a_missing_result_says_so_or_stands_in_for_itself_where_optional(tmp_path: Path) -> None:
    assert ResultDataset(str(tmp_path / "x.json"), optional=True).load() == {"missing": "not run"}
    with pytest.raises((InputError, DatasetError), match="does not exist yet"):
        ResultDataset(str(tmp_path / "x.json")).load()


@pytest.mark.parametrize(("text", "message"), [("{", "is not JSON"), ("[1]", "holds no JSON object")])
def test_a_damaged_result_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises((InputError, DatasetError), match=message):
        ResultDataset(str(tmp_path / "x.json")).load()
