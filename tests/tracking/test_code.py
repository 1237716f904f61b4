"""What a record says of code that was edited on the way, and of the device."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from kedro.pipeline import node

from ldm_pipelines.compute import Compute
from ldm_pipelines.digests import digest_code, digest_folder, digest_parameters
from ldm_pipelines.pipelines.workspace import empty_workspace_for, workspace_for
from ldm_pipelines.spec import Entity
from ldm_pipelines.tracking import code


class Model(Entity):
    rate: float = 0.5


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The package whose code is watched: a small one."""
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "seeding.py").write_text("first")
    monkeypatch.setattr(code, "PACKAGE", folder)
    code.running_code.cache_clear()
    yield folder
    code.running_code.cache_clear()


@pytest.fixture
def artefact(tmp_path: Path) -> Path:
    folder = tmp_path / "artefact"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    return folder


def start_again() -> None:
    """A new process reads the code anew."""
    code.running_code.cache_clear()
    code.running_code()


def record(project: Any, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((project.folder / f"data/08_reporting/provenance/{name}.json").read_text())
    return found


def messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Each once, however many loggers hand them on."""
    return list(dict.fromkeys(line.getMessage() for line in caplog.records if line.levelno == logging.WARNING))


def test_code_is_all_files_but_hidden_and_compiled_ones(package: Path) -> None:
    digest = digest_code(package)
    for name in (".seeding.py.swp", "__pycache__/seeding.pyc", "part/__pycache__/a.pyc", ".hidden/a.py"):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text("x")
    assert digest_code(package) == digest
    (package / "part" / "page.html.j2").write_text("x")
    assert digest_code(package) != digest


def test_code_that_is_edited_while_a_stage_runs_is_told(
    project: Any, package: Path, artefact: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ran = digest_code(package)

    def train() -> Path:
        logging.getLogger("ldm_pipelines").addHandler(caplog.handler)  # only now: Kedro has set up logging before
        (package / "seeding.py").write_text("second")
        return artefact

    project.git_init()
    project.run(node(train, None, "ldm", name="train_diffusion.m"))
    (run,) = project.runs()
    assert record(project, "train_diffusion.m")["code_changed"] is True
    assert record(project, "train_diffusion.m")["code"] == ran
    assert run.data.tags["code_changed"] == "true"
    assert any("code was edited while it ran" in message for message in messages(caplog))


def test_files_that_are_edited_while_a_stage_runs_make_it_one_of_uncommitted_changes(
    project: Any, package: Path, artefact: Path
) -> None:
    def train() -> Path:
        (project.folder / "conf/base/parameters.yml").write_text("seed: 8\n")
        return artefact

    project.git_init()
    project.run(node(train, None, "ldm", name="train_diffusion.m"))
    assert record(project, "train_diffusion.m")["git_dirty"] is True
    assert "code_changed" not in record(project, "train_diffusion.m")


def test_work_that_other_code_has_begun_goes_on_and_is_told(
    project: Any, package: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model, compute = Model(name="m"), Compute(workspace=tmp_path / "work")

    def train() -> Path:
        logging.getLogger("ldm_pipelines").addHandler(caplog.handler)
        folder = workspace_for("train_diffusion", model, 0, compute) / "artefact"
        folder.mkdir(exist_ok=True)
        (folder / "config.json").write_text("{}")
        return folder

    def resumed() -> bool:
        project.run(node(train, None, "ldm", name="train_diffusion.m"))
        return "resumed_from_other_code" in record(project, "train_diffusion.m")

    assert not resumed()
    assert not resumed()  # killed, and started again
    (package / "seeding.py").write_text("second")
    start_again()
    assert resumed()
    (warning, _) = messages(caplog)
    assert f"to start anew, stop this and delete {compute.workspace}/train_diffusion/m-" in warning
    (package / "seeding.py").write_text("first")
    start_again()
    assert resumed()  # a part of it is of the second
    assert [run.data.tags.get("resumed_from_other_code") for run in project.runs()] == [None, None, "true", "true"]


def test_a_workspace_that_has_come_to_nothing_is_of_no_code(package: Path, tmp_path: Path, caplog: Any) -> None:
    model, compute = Model(name="m"), Compute(workspace=tmp_path / "work")
    workspace_for("sample", model, 0, compute)
    (package / "seeding.py").write_text("second")
    start_again()
    with caplog.at_level(logging.WARNING):
        folder = workspace_for("sample", model, 0, compute)
        assert messages(caplog) == []
        (folder / "half").write_text("x")
        assert empty_workspace_for("sample", model, 0, compute) == folder
    assert messages(caplog) == []
    assert not folder.exists()


def test_a_state_of_which_no_code_is_known_is_of_other_code(package: Path, tmp_path: Path, caplog: Any) -> None:
    model, compute = Model(name="m"), Compute(workspace=tmp_path / "work")
    folder = workspace_for("sample", model, 0, compute)
    (folder / "code.txt").unlink()
    (folder / "half").write_text("x")
    with caplog.at_level(logging.WARNING):
        assert workspace_for("sample", model, 0, compute) == folder
    assert len(messages(caplog)) == 1


def test_a_run_and_its_record_name_device_and_precision(project: Any, artefact: Path) -> None:
    compute = Compute(device="cpu", precision="bf16-mixed")
    project.run(
        node(lambda: compute, None, "compute", name="configure"),
        node(lambda _: artefact, "compute", "ldm", name="train_diffusion.m"),
    )
    device = record(project, "train_diffusion.m")["device"]
    assert (device["kind"], device["precision"]) == ("cpu", "bf16-mixed")
    assert device["name"]
    (run,) = project.runs()
    assert {key: run.data.tags[f"device.{key}"] for key in device} == device


def test_outputs_have_digests_also_where_results_cannot_be_tracked(project: Any, artefact: Path) -> None:
    (artefact / "metrics.json").write_text("{")
    project.run(node(lambda: artefact, None, "ldm", name="train_diffusion.m"))
    assert record(project, "train_diffusion.m")["outputs"] == {"ldm": digest_folder(artefact)}


def test_the_rival_s_result_of_a_user_study_has_the_study_s_parameters(project: Any) -> None:
    study = Model(name="inpainting")
    project.run(
        node(lambda: study, None, "study", name="configure"),
        node(lambda _: {"metrics": {}}, "study", "result", name="read_user_study.inpainting_rival"),
    )
    assert record(project, "read_user_study.inpainting_rival")["parameters"] == digest_parameters(study)
