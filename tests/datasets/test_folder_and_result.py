"""Artefacts appear whole or not at all."""

import json
from pathlib import Path

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
