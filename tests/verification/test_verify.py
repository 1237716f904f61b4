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
from ldm_pipelines.reporting.paper.loading import load_document
from ldm_pipelines.reporting.tables.build import build, write
from ldm_pipelines.reporting.tables.layout import RenderedTable
from ldm_pipelines.reporting.tables.spec import Row, Table
from ldm_pipelines.tracking.provenance import git_commit
from ldm_pipelines.verification.records import Records
from ldm_pipelines.verification.verify import Verdict, verify

CONF = Path(__file__).parents[2] / "conf"
PAPER, CATALOG = CONF / "paper" / "table_03.yaml", CONF / "base" / "catalog.yml"
FID = {"plain": 2.5, "guided": 3.5}
SUITE = "class_conditional"
MODEL, CODE = "data/06_models/ldms/m", "src/ldm_pipelines/training"
RECORDS = "data/08_reporting/provenance"
PARAMETERS = {"train_diffusion.m": "1" * 64} | {f"evaluate_samples.{name}": "2" * 64 for name in FID}


class Project:
    """A trained model, two results of it, their table, a figure and a report: made by DVC with ``cp``."""

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
        return self.verify_table(self.rendered())

    def verify_table(self, table: RenderedTable) -> Verdict:
        return verify(self.reporting, {"table_03": table}, PARAMETERS, progress=False)

    def run(self, *command: str) -> str:
        environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        done = subprocess.run(command, cwd=self.root, env=environment, check=True, capture_output=True, text=True)
        return done.stdout


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
        ("conf/base/catalog.yml", CATALOG.read_text()),
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
    record = f"mkdir -p {RECORDS} && cp made/records/"
    stages = {
        "train_diffusion": {"m": {"cmd": f"mkdir -p data/06_models/ldms && cp -r made/m {MODEL}; "
                                         f"{record}train_diffusion.m.json {RECORDS}", "deps": [CODE],
                                  "params": ["seed", "ldms.m"], "outs": [MODEL],
                                  "plots": [{f"{RECORDS}/train_diffusion.m.json": {"cache": False}}]}},
        "evaluate_samples": {name: {"cmd": f"mkdir -p {folder} && cp made/{name}.json {folder}; "
                                           f"{record}evaluate_samples.{name}.json {RECORDS}", "deps": [MODEL],
                                    "metrics": [{f"{folder}/{name}.json": {"cache": False}}],
                                    "plots": [{f"{RECORDS}/evaluate_samples.{name}.json": {"cache": False}}]}
                             for name in FID},
        "figures": {"figure_06": {"cmd": "mkdir -p data/08_reporting/figures/figure_06", "deps": [folder],
                                  "outs": [{"data/08_reporting/figures/figure_06": {"cache": False}}]}},
        "tables": {"table_03": {"cmd": "mkdir -p data/08_reporting/tables && cp -r made/table_03 data/08_reporting/tables",
                                "deps": [folder], "outs": [{"data/08_reporting/tables/table_03": {"cache": False}}]}},
    }  # fmt: skip
    # DVC names the stages of a foreach STAGE@KEY
    each = {stage: {"foreach": list(group), "do": next(iter(group.values()))} for stage, group in stages.items()}
    each["evaluate_samples"]["do"] = yaml.safe_load(
        yaml.safe_dump(stages["evaluate_samples"]["plain"]).replace("plain", "${item}")
    )
    page = "data/08_reporting/report.html"
    report = {"cmd": f"date > {page}", "deps": ["data/08_reporting/figures"], "outs": [{page: {"cache": False}}]}
    (root / "dvc.yaml").write_text(yaml.safe_dump({"stages": {**each, "report": report}}))
    (root / ".gitignore").write_text("/data/06_models\n/made/records\n")
    for command in (("git", "init", "-q"), ("dvc", "init", "-q"), ("git", "add", "-A"),
                    ("git", "-c", "user.name=n", "-c", "user.email=e@x.org", "commit", "-qm", "code")):  # fmt: skip
        project.run(*command)
    model = {"ldms/m": digest_folder(root / "made" / "m")}
    (root / "made" / "records").mkdir()
    for node, outputs in (
        ("train_diffusion.m", model),
        *(
            (f"evaluate_samples.{name}", {f"metrics/class_conditional/{name}": digest_result(measured(name, fid))})
            for name, fid in FID.items()
        ),
    ):
        content = {
            "node": node,
            "git_commit": git_commit(root).commit,
            "git_dirty": False,
            "parameters": PARAMETERS[node],
            "inputs": model if node.startswith("evaluate") else {},
            "outputs": outputs,
        }
        (root / "made" / "records" / f"{node}.json").write_text(json.dumps(content))
    project.run("dvc", "repro", "evaluate_samples")
    write(project.rendered(), root / "made" / "table_03")
    project.run("dvc", "repro")
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
    assert list(verdict.lines()) == [
        "table_03: 2 of 2 rows match", "figures@figure_06: matches", "report: matches", "\n3 provenance records read"
    ]  # fmt: skip


def test_touched_code_names_every_row_behind_it_and_what_changed(project: Project) -> None:
    (project.root / CODE / "fit.py").write_text("other steps")
    verdict = project.verify()
    assert wrong(verdict) == {"plain": "train_diffusion@m", "guided": "train_diffusion@m"}
    assert verdict.stages == {"train_diffusion@m": [f"code changed: {CODE}"]}
    assert verdict.pages == {"figures@figure_06": ["train_diffusion@m"], "report": []}
    assert verdict.stale == 3


def test_a_stale_figure_or_report_is_named(project: Project) -> None:
    (project.reporting / "figures" / "figure_06" / "figure_06.svg").write_text("drawn by hand")
    verdict = project.verify()
    assert wrong(verdict) == {}
    assert verdict.pages == {"figures@figure_06": ["figures@figure_06"], "report": ["report"]}
    assert verdict.stages["report"] == ["data changed: data/08_reporting/figures"]
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
    row, _ = project.verify_table(table).tables["table_03"]
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
    rows = project.verify_table(table).tables["table_03"]
    assert [row.problems for row in rows] == [("FID shows '2.05', its result says '2.50'",), ()]


@pytest.mark.parametrize(
    ("node", "change", "problem"),
    [
        ("train_diffusion.m", {"outputs": {"ldms/m": "ab" * 32}}, "recorded for another ldms/m (abababababab)"),
        ("train_diffusion.m", {"git_commit": "cd" * 20}, f"its git commit {'cd' * 20} is not in this repository"),
        ("train_diffusion.m", {"git_commit": None}, "its git commit None is not in this repository"),
        ("evaluate_samples.plain", {"inputs": {"ldms/m": "ef" * 32}}, "made from another ldms/m (efefefefefef)"),
        ("evaluate_samples.plain", {"inputs": {}}, "it names no inputs"),
        ("evaluate_samples.plain", {"node": "evaluate_samples.guided"}, "it is of evaluate_samples.guided"),
        ("train_diffusion.m", {"parameters": "0" * 64}, "recorded for other parameters than those in params.yaml"),
        ("train_diffusion.m", {"parameters": None}, "recorded for other parameters than those in params.yaml"),
        ("train_diffusion.m", {"outputs": {}}, "no provenance record has a digest of ldms/m"),
        ("train_diffusion.m", {"code_changed": True}, "code was edited while it ran"),
        ("train_diffusion.m", {"resumed_from_other_code": True}, "it went on with work that other code had begun"),
    ],
)
def test_a_record_of_something_else_is_named(project: Project, node: str, change: dict[str, Any], problem: str) -> None:
    edit(project.record(node), lambda record: record.update(change))
    (problems,) = project.verify().stages.values()
    edited, said = problems
    assert edited == f"output changed since it was made: {RECORDS}/{node}.json"
    assert problem in said


def test_a_record_that_says_nothing_is_not_taken_for_one(project: Project) -> None:
    record = project.record("train_diffusion.m")
    record.write_text(json.dumps({"git_commit": json.loads(record.read_text())["git_commit"]}))
    problems = project.verify().stages["train_diffusion@m"]
    assert [problem.rpartition(": ")[2] for problem in problems[1:]] == [
        "it is of None", "recorded for other parameters than those in params.yaml",
        "no provenance record has a digest of ldms/m",
    ]  # fmt: skip


def test_where_a_name_ends_like_another_the_path_decides(project: Project) -> None:
    """``data/08_reporting/training/ldms/m.json`` is no ``ldms/m``, whatever the order of a stage's outputs."""
    records = Records(project.root / RECORDS, project.root, PARAMETERS)
    metrics = project.reporting / "training" / "ldms" / "m.json"
    metrics.parent.mkdir(parents=True)
    metrics.write_text("{}")
    outputs = [metrics, project.root / MODEL, project.record("train_diffusion.m")]
    assert records.problems("train_diffusion@m", outputs, []) == [
        "no provenance record has a digest of training/ldms/m"
    ]  # fmt: skip


def test_a_record_that_is_wrong_although_its_stage_is_up_to_date_is_to_be_made_again(project: Project) -> None:
    edit(project.record("train_diffusion.m"), lambda record: record.update(outputs={"ldms/m": "ab" * 32}))
    project.run("dvc", "commit", "-q", "-f", "train_diffusion@m")
    said, advice = project.verify().stages["train_diffusion@m"]
    assert "recorded for another ldms/m" in said
    assert advice == "DVC calls it up to date: `dvc repro -s -f train_diffusion@m` makes it again"
    project.run("dvc", "repro", "-s", "-f", "train_diffusion@m")
    assert project.verify().stages == {}


def test_a_stage_from_the_run_cache_has_the_record_of_its_own_run(project: Project) -> None:
    record, made = project.record("train_diffusion.m"), project.root / "made" / "records" / "train_diffusion.m.json"
    first = record.read_bytes()
    parameters = project.root / "params.yaml"
    before = parameters.read_text()
    parameters.write_text(before.replace("20", "21"))
    edit(made, lambda record: record.update(mlflow_run_id="second"))
    project.run("dvc", "repro", "train_diffusion")
    assert json.loads(record.read_text())["mlflow_run_id"] == "second"
    parameters.write_text(before)
    assert "is cached - skipping run" in project.run("dvc", "repro", "train_diffusion")
    assert record.read_bytes() == first
    assert project.verify().stale == 0


@pytest.mark.parametrize(
    ("content", "problem"), [(None, "no provenance record"), ("{", "is not JSON"), ("[]", "holds no JSON object")]
)
def test_a_record_that_cannot_be_read_is_named(project: Project, content: str | None, problem: str) -> None:
    file = project.record("evaluate_samples.plain")
    file.unlink() if content is None else file.write_text(content)
    verdict = project.verify()
    assert list(wrong(verdict)) == ["plain"]
    assert problem in verdict.stages["evaluate_samples@plain"][1]


def test_a_folder_without_dvc_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="DVC cannot read this project"):
        verify(tmp_path, {}, {}, progress=False)
