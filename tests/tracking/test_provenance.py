"""Where results come from: digests and the state of a git repository."""

import json
import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from ldm_pipelines.digests import digest_folder, digest_parameters, digest_result, fingerprint
from ldm_pipelines.errors import InputError
from ldm_pipelines.spec import Entity
from ldm_pipelines.tracking.provenance import DOUBTS, commit_exists, git_commit, output_digests, write_record


class Toy(Entity):
    rate: float
    sizes: tuple[int, ...] = (1, 2)
    parts: dict[str, int] = Field(default_factory=dict)


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "artefact"
    (folder / "pictures").mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(bytes(range(256)))
    (folder / "pictures/a b.png").write_bytes(b"picture")
    return folder


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="needs sha256sum")
def test_the_digest_is_what_sha256sum_says(folder):
    command = r"find . -type f -printf '%P\0' | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum"
    answer = subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True, check=True).stdout
    assert digest_folder(folder) == answer.split()[0]


def test_a_digest_changes_with_names_and_contents_and_with_nothing_else(folder, tmp_path):
    digest = digest_folder(folder)
    moved = shutil.copytree(folder, tmp_path / "elsewhere")
    (moved / "config.json").touch()
    assert digest_folder(moved) == digest
    (moved / "config.json").write_text("[]")
    assert digest_folder(moved) != digest
    (moved / "config.json").write_text("{}")
    (moved / "pictures/a b.png").rename(moved / "a b.png")
    assert digest_folder(moved) != digest


def test_of_a_prepared_dataset_only_the_description_is_read(folder):
    (folder / "dataset.json").write_text("{}")
    (folder / "manifest.parquet").write_bytes(b"rows")
    digest = digest_folder(folder)
    (folder / "pictures/a b.png").write_bytes(b"another")
    assert digest_folder(folder) == digest
    (folder / "manifest.parquet").write_bytes(b"other rows")
    assert digest_folder(folder) != digest


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(InputError, match="nowhere is not a folder"):
        digest_folder(tmp_path / "nowhere")


def test_a_fingerprint_is_the_same_on_every_machine_and_for_every_order_of_keys():
    toy = Toy(name="toy", rate=1e-4, parts={"a": 1, "b": 2})
    assert fingerprint(toy, 1, "abc") == "9fef898e5b03b7b7"
    assert fingerprint(toy.model_copy(update={"parts": {"b": 2, "a": 1}}), 1, "abc") == fingerprint(toy, 1, "abc")


@given(st.floats(0, 1), st.integers(), st.lists(st.text(), max_size=3))
def test_a_fingerprint_depends_on_parameters_seed_and_each_input(rate, seed, inputs):
    toy = Toy(name="toy", rate=rate)
    first = fingerprint(toy, seed, *inputs)
    assert len(first) == 16
    assert int(first, 16) >= 0
    others = [
        fingerprint(toy.model_copy(update={"sizes": (2, 1)}), seed, *inputs),
        fingerprint(toy.model_copy(update={"name": "other"}), seed, *inputs),
        fingerprint(toy, seed + 1, *inputs),
        fingerprint(toy, seed, *inputs, ""),
        fingerprint(toy, seed, "".join(inputs) + "x"),
    ]
    assert first not in others


def test_parameters_have_the_digest_of_their_canonical_json():
    assert digest_parameters(Toy(name="toy", rate=0.5)) == digest_parameters(Toy(rate=0.5, name="toy"))
    assert digest_parameters(Toy(name="toy", rate=0.5)) != digest_parameters(Toy(name="toy", rate=0.25))


def test_a_repository_is_dirty_when_code_or_parameters_changed_but_not_when_results_did(project):
    commit = project.git_init()
    assert git_commit(project.folder) == (commit, False)
    (project.folder / "data/08_reporting").mkdir(parents=True)
    (project.folder / "data/08_reporting/metrics.json").write_text("{}")
    (project.folder / "dvc.lock").write_text("")
    assert git_commit(project.folder) == (commit, False)
    parameters = project.folder / "conf/base/parameters.yml"
    before = parameters.read_text()
    parameters.write_text("seed: 8\n")
    assert git_commit(project.folder) == (commit, True)
    parameters.write_text(before)
    (project.folder / "src/new.py").write_text("")
    assert git_commit(project.folder) == (commit, True)


def test_without_a_commit_nothing_is_known(project, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(project.folder.parent))
    assert git_commit(project.folder) == (None, True)
    project.call("git", "init", "-q")
    assert git_commit(project.folder) == (None, True)
    monkeypatch.setenv("PATH", "")
    assert git_commit(project.folder) == (None, True)


def test_a_record_is_replaced_whole(tmp_path):
    path = tmp_path / "a/b/record.json"
    for value in ("first", "second"):
        write_record(path, {"value": value})
        assert json.loads(path.read_text()) == {"value": value}
    assert list(path.parent.iterdir()) == [path]


MADE = {"parameters": "p", "inputs": {"x": "1"}, "outputs": {"y": "2"}, "versions": {"torch": "2"}}
FIRST = MADE | {"git_commit": "a", "git_dirty": False, "mlflow_run_id": "first"}


def test_a_record_of_making_the_same_again_leaves_the_first(tmp_path):
    path = tmp_path / "records/sample.x.json"
    write_record(path, FIRST)
    write_record(path, FIRST | {"git_commit": "b", "mlflow_run_id": "second"})
    assert json.loads(path.read_text()) == FIRST


@pytest.mark.parametrize(
    "change",
    [
        {"parameters": "q"},
        {"inputs": {"x": "9"}},
        {"outputs": {"y": "9"}},
        {"versions": {"torch": "3"}},
        {"outputs": {}},
    ],
)
def test_a_record_of_anything_else_replaces_the_first(tmp_path, change):
    path = tmp_path / "sample.x.json"
    write_record(path, FIRST)
    write_record(path, FIRST | change | {"mlflow_run_id": "second"})
    assert json.loads(path.read_text()) == FIRST | change | {"mlflow_run_id": "second"}


def test_another_device_or_code_makes_no_other_record(tmp_path):
    path = tmp_path / "sample.x.json"
    first = FIRST | {"device": {"kind": "cpu"}, "code": "a"}
    write_record(path, first)
    write_record(path, first | {"device": {"kind": "cuda"}, "code": "b"})
    assert json.loads(path.read_text()) == first


def test_where_dvc_has_removed_the_record_it_is_that_of_the_last_commit(project):
    path = project.folder / "data/08_reporting/provenance/sample.x.json"
    write_record(path, FIRST)
    text = path.read_text()
    project.git_init()
    path.unlink()
    write_record(path, FIRST | {"git_commit": "b", "mlflow_run_id": "second"})
    assert path.read_text() == text
    path.unlink()
    write_record(path, FIRST | {"outputs": {"y": "9"}})
    assert json.loads(path.read_text()) == FIRST | {"outputs": {"y": "9"}}


@pytest.mark.parametrize("doubt", DOUBTS)
def test_a_record_of_code_that_is_in_doubt_is_replaced(tmp_path, doubt):
    path = tmp_path / "sample.x.json"
    write_record(path, FIRST | {doubt: True})
    write_record(path, FIRST | {"mlflow_run_id": "second"})
    assert json.loads(path.read_text()) == FIRST | {"mlflow_run_id": "second"}


@pytest.mark.parametrize("content", [json.dumps(FIRST | {"git_dirty": True}), "{", "[]"])
def test_a_record_of_uncommitted_code_or_none_is_replaced(tmp_path, content):
    path = tmp_path / "sample.x.json"
    path.write_text(content)
    write_record(path, FIRST | {"mlflow_run_id": "second"})
    assert json.loads(path.read_text())["mlflow_run_id"] == "second"


def test_artefacts_and_results_among_outputs_have_digests(folder):
    result = {"fid": 0.1, "counts": [1, 2]}
    digests = output_digests({"model": folder, "metrics": result, "curves": object()})
    assert digests == {"model": digest_folder(folder), "metrics": digest_result({"counts": [1, 2], "fid": 0.1})}
    assert digest_result(result) != digest_result(result | {"fid": 0.2})


def test_only_commits_of_the_repository_exist(project):
    commit = project.git_init()
    assert commit_exists(project.folder, commit)
    assert not commit_exists(project.folder, "ab" * 20)
    assert not commit_exists(project.folder / "nowhere", commit)
