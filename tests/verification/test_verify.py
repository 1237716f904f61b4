"""Which rows still match, in a real DVC and git repository with a small table."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.results import stored

from ldm_pipelines.digests import digest_folder, digest_result
from ldm_pipelines.errors import InputError
from ldm_pipelines.reporting.paper.documents import load_document
from ldm_pipelines.reporting.tables.build import build, write
from ldm_pipelines.reporting.tables.layout import RenderedTable
from ldm_pipelines.reporting.tables.spec import Row, Table
from ldm_pipelines.tracking.provenance import git_commit
from ldm_pipelines.verification.verify import Verdict, verify

PAPER = Path(__file__).parents[2] / "conf" / "paper" / "table_03.yaml"
FID = {"plain": 2.5, "guided": 3.5}
SUITE = "class_conditional"
MODEL, CODE = "data/06_models/ldms/m", "src/ldm_pipelines/training"


class Project:
    """A trained model, two results of it, and their table: made by DVC with ``cp``."""

    def __init__(self, root: Path) -> None:
        self.root, self.reporting = root, root / "data" / "08_reporting"

    def result(self, name: str) -> Path:
        return self.reporting / "metrics" / SUITE / f"{name}.json"

    def record(self, node: str) -> Path:
        return self.reporting / "provenance" / f"{node}.json"

    def rendered(self, also: tuple[str, ...] = ()) -> RenderedTable:
        """``also``: further results of the first row."""
        rows = (Row(method="LDM-4", result="plain", also=also), Row(method="LDM-4-G", result="guided"))
        results = {name: json.loads(self.result(name).read_text()) for name in FID if self.result(name).exists()}
        table = Table(name="table_03", suite=SUITE, second_suite=SUITE, rows=rows)
        return build(table, load_document(PAPER), stored(results, suite=SUITE), study="small")

    def verify(self) -> Verdict:
        return verify(self.reporting, {"table_03": self.rendered()}, progress=False)

    def run(self, *command: str) -> None:
        environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        subprocess.run(command, cwd=self.root, env=environment, check=True, capture_output=True)


def measured(name: str, fid: float) -> dict[str, Any]:
    return {"kind": "samples", "name": name, "metrics": {"fid": fid, "is": 8.0, "is_std": 0.1}, "provenance": {}}


def edit(file: Path, change: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content, indent=2) + "\n")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """After ``dvc repro`` and ``git commit``."""
    project = Project(tmp_path_factory.mktemp("verify") / "project")
    root = project.root
    for name, text in (
        (f"{CODE}/fit.py", "steps"),
        ("made/m/config.json", "{}"),
        ("params.yaml", "seed: 0\nldms: {m: {steps: 20}}\n"),
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    for name, fid in FID.items():
        (root / f"made/{name}.json").write_text(json.dumps(measured(name, fid), indent=2) + "\n")
        project.result(name).parent.mkdir(parents=True, exist_ok=True)
    folder = "data/08_reporting/metrics/class_conditional"
    stages = {
        "train_diffusion": {"m": {"cmd": f"mkdir -p data/06_models/ldms && cp -r made/m {MODEL}", "deps": [CODE],
                                  "params": ["seed", "ldms.m"], "outs": [MODEL]}},
        "evaluate_samples": {name: {"cmd": f"mkdir -p {folder} && cp made/{name}.json {folder}", "deps": [MODEL],
                                    "metrics": [{f"{folder}/{name}.json": {"cache": False}}]} for name in FID},
        "tables": {"table_03": {"cmd": "mkdir -p data/08_reporting/tables && cp -r made/table_03 data/08_reporting/tables",
                                "deps": [folder], "outs": [{"data/08_reporting/tables/table_03": {"cache": False}}]}},
    }  # fmt: skip
    # DVC names the stages of a foreach STAGE@KEY
    each = {stage: {"foreach": list(group), "do": next(iter(group.values()))} for stage, group in stages.items()}
    each["evaluate_samples"]["do"] = yaml.safe_load(
        yaml.safe_dump(stages["evaluate_samples"]["plain"]).replace("plain", "${item}")
    )
    (root / "dvc.yaml").write_text(yaml.safe_dump({"stages": each}))
    (root / ".gitignore").write_text("/data/06_models\n")
    for command in (("git", "init", "-q"), ("dvc", "init", "-q"), ("git", "add", "-A"),
                    ("git", "-c", "user.name=n", "-c", "user.email=e@x.org", "commit", "-qm", "code"),
                    ("dvc", "repro", "evaluate_samples")):  # fmt: skip
        project.run(*command)
    write(project.rendered(), root / "made" / "table_03")
    project.run("dvc", "repro")
    commit = git_commit(root).commit
    model = {"ldms/m": digest_folder(root / MODEL)}
    project.record("x").parent.mkdir()
    for node, outputs in (
        ("train_diffusion.m", model),
        *(
            (f"evaluate_samples.{name}", {f"metrics/class_conditional/{name}": digest_result(measured(name, fid))})
            for name, fid in FID.items()
        ),
    ):
        inputs = model if node.startswith("evaluate") else {}
        content = {"git_commit": commit, "git_dirty": False, "inputs": inputs, "outputs": outputs}
        project.record(node).write_text(json.dumps(content))
    return project


@pytest.fixture
def project(finished: Project, tmp_path: Path) -> Iterator[Project]:
    yield Project(shutil.copytree(finished.root, tmp_path / "project", symlinks=True))


def wrong(verdict: Verdict) -> dict[str, str]:
    """The lines about rows that do not match, by result."""
    rows = [row for rows in verdict.tables.values() for row in rows if not row.fine]
    return {row.label.partition(f"({SUITE}/")[2].rstrip(")"): "; ".join([*row.problems, *row.stages]) for row in rows}


def test_a_fresh_study_matches(project: Project) -> None:
    verdict = project.verify()
    assert verdict.stale == 0
    assert list(verdict.lines()) == ["table_03: 2 of 2 rows match", "\n3 provenance records read"]


def test_touched_code_names_every_row_behind_it_and_what_changed(project: Project) -> None:
    (project.root / CODE / "fit.py").write_text("other steps")
    verdict = project.verify()
    assert wrong(verdict) == {"plain": "train_diffusion@m", "guided": "train_diffusion@m"}
    assert verdict.stages == {"train_diffusion@m": [f"code changed: {CODE}"]}
    assert verdict.stale == 2


def test_a_changed_parameter_is_named_with_both_values(project: Project) -> None:
    (project.root / "params.yaml").write_text("seed: 0\nldms: {m: {steps: 21}}\n")
    assert project.verify().stages == {"train_diffusion@m": ["parameter changed: ldms.m.steps: 21, was 20"]}


def test_a_stage_that_never_ran_is_named_with_all_that_it_reads(project: Project) -> None:
    lock = project.root / "dvc.lock"
    content = yaml.safe_load(lock.read_text())
    del content["stages"]["train_diffusion@m"]
    lock.write_text(yaml.safe_dump(content))
    assert set(project.verify().stages["train_diffusion@m"]) >= {
        f"code changed: {CODE}", "parameters not in dvc.lock: params.yaml"
    }  # fmt: skip


def test_missing_data_is_named(project: Project) -> None:
    shutil.rmtree(project.root / MODEL)
    text = "\n".join(project.verify().lines())
    assert f"output missing since it was made: {MODEL}" in text
    assert f"data missing: {MODEL}" in text


def test_an_edited_result_is_named_with_the_cell_that_it_changes(project: Project) -> None:
    edit(project.result("guided"), lambda result: result["metrics"].update(fid=1.25))
    verdict = project.verify()
    assert list(wrong(verdict)) == ["guided"]
    assert wrong(verdict)["guided"] == "FID shows '3.50', its result says '1.25'; evaluate_samples@guided"
    (changed, recorded) = verdict.stages["evaluate_samples@guided"]
    assert changed == "output changed since it was made: data/08_reporting/metrics/class_conditional/guided.json"
    assert recorded.startswith("evaluate_samples.guided.json: recorded for another metrics/class_conditional/guided")


def test_a_row_of_several_results_rests_on_all_of_them(project: Project) -> None:
    table = project.rendered(also=("guided",))
    edit(project.result("guided"), lambda result: result["metrics"].update(fid=1.25))
    row, _ = verify(project.reporting, {"table_03": table}, progress=False).tables["table_03"]
    assert row.label == f"LDM-4 ({SUITE}/plain, {SUITE}/guided)"
    assert row.stages == ("evaluate_samples@guided",)


def test_an_edited_table_is_named_with_the_cell(project: Project) -> None:
    file = project.reporting / "tables" / "table_03" / "table_03.csv"
    file.write_text(file.read_text().replace(",2.50,", ",2.05,"))
    verdict = project.verify()
    assert wrong(verdict) == {"plain": "FID shows '2.05', its result says '2.50'"}
    assert verdict.of_tables == {"table_03": ["output changed since it was made: data/08_reporting/tables/table_03"]}


def test_of_two_rows_of_one_name_only_the_edited_one_is_named(project: Project) -> None:
    table = project.rendered()
    table = replace(table, lines=tuple(replace(line, title="same" if line.ours else "") for line in table.lines))
    folder = project.reporting / "tables" / "table_03"
    write(table, folder)
    (folder / "table_03.csv").write_text((folder / "table_03.csv").read_text().replace(",2.50,", ",2.05,"))
    rows = verify(project.reporting, {"table_03": table}, progress=False).tables["table_03"]
    assert [row.problems for row in rows] == [("FID shows '2.05', its result says '2.50'",), ()]


@pytest.mark.parametrize(
    ("node", "change", "problem"),
    [
        ("train_diffusion.m", {"outputs": {"ldms/m": "ab" * 32}}, "recorded for another ldms/m (abababababab)"),
        ("train_diffusion.m", {"git_commit": "cd" * 20}, f"its git commit {'cd' * 20} is not in this repository"),
        ("train_diffusion.m", {"git_commit": None}, "its git commit None is not in this repository"),
        ("evaluate_samples.plain", {"inputs": {"ldms/m": "ef" * 32}}, "made from another ldms/m (efefefefefef)"),
    ],
)
def test_a_record_of_something_else_is_named(project: Project, node: str, change: dict[str, Any], problem: str) -> None:
    edit(project.record(node), lambda record: record.update(change))
    (problems,) = project.verify().stages.values()
    assert len(problems) == 1
    assert problem in problems[0]


@pytest.mark.parametrize(
    ("content", "problem"), [(None, "no provenance record"), ("{", "is not JSON"), ("[]", "holds no JSON object")]
)
def test_a_record_that_cannot_be_read_is_named(project: Project, content: str | None, problem: str) -> None:
    file = project.record("evaluate_samples.plain")
    file.unlink() if content is None else file.write_text(content)
    verdict = project.verify()
    assert list(wrong(verdict)) == ["plain"]
    assert problem in verdict.stages["evaluate_samples@plain"][0]


def test_a_folder_without_dvc_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="DVC cannot read this project"):
        verify(tmp_path, {}, progress=False)
