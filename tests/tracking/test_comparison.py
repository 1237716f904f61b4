"""Runs stand beside each other with what made them: parameters, pictures and tags of what an evaluation measured."""

import importlib
import json

import pytest
import yaml
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.pipeline import node
from PIL import Image
from support.clone import PROJECT

from ldm_pipelines.config.study import read_study
from ldm_pipelines.reporting.tables.spec import Table
from ldm_pipelines.tracking.comparison import COMPARED, compared_parameters

PARAMETERS = yaml.safe_load((PROJECT / "params.yaml").read_text())


@pytest.fixture(scope="module")
def study():
    return read_study(PARAMETERS, "params.yaml")


@pytest.fixture
def chain(project, tmp_path):
    """Run autoencoder, latents, LDM, samples and evaluation of the class-conditional model, each a node."""

    def artefact(kind, rate):
        folder = tmp_path / f"{kind}-{rate}"
        (folder / "pictures").mkdir(parents=True, exist_ok=True)
        (folder / "config.json").write_text(json.dumps({"kind": kind, "rate": rate}))
        if kind == "samples":
            Image.new("RGB", (2, 2)).save(folder / "grid.png")
        return folder

    def run(study, rate, only=None):
        ldm = study.ldms["digits_class"]
        ldm = ldm.model_copy(update={"training": ldm.training.model_copy(update={"learning_rate": rate})})
        entities = {
            "autoencoders/kl": ("train_autoencoder", study.autoencoders["digits_kl_f4"], []),
            "latents/kl": ("encode_latents", study.latents["digits_kl_f4"], ["autoencoders/kl"]),
            "ldms/ldm": ("train_diffusion", ldm, ["latents/kl"]),
            "samples/ldm": ("sample", study.samples["digits_class_guided"], ["ldms/ldm", "autoencoders/kl"]),
            "metrics/ldm": ("evaluate_samples", study.evaluations["digits_class_guided"], ["samples/ldm"]),
        }
        nodes = []
        for made, (stage, entity, inputs) in entities.items():
            folder = artefact(made.partition("/")[0], "any" if made.endswith("kl") else rate)
            value = {"metrics": {"fid": 1.0}} if made.startswith("metrics") else folder
            given = node(lambda entity=entity: entity, None, f"params/{made}", name=f"configure.{entity.name}.{stage}")
            if only and stage != only:
                nodes.append(node(lambda value=value: value, None, made, name=f"found.{stage}"))
                continue
            made_by = node(
                lambda *_, value=value: value, [f"params/{made}", *inputs], made, name=f"{stage}.{entity.name}"
            )
            nodes += [given, made_by]
        project.run(*nodes)

    return run


def test_parameters_that_people_compare_are_few_and_have_one_name_at_every_stage(study):
    entities = [entity for kind in ("datasets", "autoencoders", "latents", "ldms", "samples", "evaluations")
                for entity in study.entities(kind).values()]  # fmt: skip
    for entity in entities:
        compared = compared_parameters(entity)
        assert 1 <= len(compared) <= 12
        assert set(compared) <= set(COMPARED)
    assert compared_parameters(study.autoencoders["digits_kl_f4"])["f"] == 4
    assert compared_parameters(study.samples["digits_class_guided"])["sampler_steps"] == 50


def test_pixels_are_a_first_stage_of_factor_one(study):
    pixels = study.autoencoders["photos_pixels"]
    assert compared_parameters(pixels)["f"] == 1


def test_an_evaluation_bears_the_parameters_of_the_models_behind_it(project, chain, study):
    chain(study, 1e-3)
    chain(study, 2e-3)
    one, other = project.runs("tags.stage = 'evaluate_samples'")
    assert [run.data.params["learning_rate"] for run in (one, other)] == ["0.001", "0.002"]
    expected = {"f": "4", "regulariser": "kl", "conditioning": "class", "sampler": "ddim", "sampler_steps": "50"}
    assert one.data.params.items() >= expected.items()
    guided = study.samples["digits_class_guided"]
    assert float(one.data.params["guidance_scale"]) == guided.guidance_scale
    assert one.data.params["steps"] == str(study.ldms["digits_class"].training.steps)  # not those of the first stage
    assert {key for key in one.data.params if one.data.params[key] != other.data.params[key]} == {"learning_rate"}


def test_an_evaluation_shows_the_samples_it_measured(project, chain, study):
    chain(study, 1e-3)
    (run,) = project.runs("tags.stage = 'evaluate_samples'")
    files = [file.path for file in project.client.list_artifacts(run.info.run_id)]
    assert files == ["parameters.yaml", "samples.png"]


def test_an_artefact_that_no_run_made_leaves_its_parameters_out(project, chain, study):
    chain(study, 1e-3, only="evaluate_samples")
    (run,) = project.runs()
    assert "learning_rate" not in run.data.params
    assert run.info.status == "FINISHED"
    assert run.data.params["dataset"] == "digits"


def test_nodes_of_one_kedro_run_are_a_group_and_those_of_the_next_another(project, chain, study):
    chain(study, 1e-3)
    chain(study, 2e-3)
    groups = [run.data.tags["group"] for run in project.runs()]
    assert len(groups) == 10
    assert len(set(groups[:5])) == len(set(groups[5:])) == 1
    assert groups[0] != groups[5]


def test_a_repro_of_one_commit_is_a_group_and_an_experiment_another(project, monkeypatch):
    commit = project.git_init()
    monkeypatch.setenv("DVC_STAGE", "sample@a")
    project.run(node(lambda: 1, None, "a", name="sample.a"))
    monkeypatch.setenv("DVC_EXP_NAME", "warm-tide")
    project.run(node(lambda: 1, None, "b", name="sample.b"))
    assert [run.data.tags["group"] for run in project.runs()] == [f"dvc repro {commit[:7]}", "warm-tide"]


def test_a_stage_of_dvc_is_tagged_with_dvc_s_hash_of_its_inputs(project, tmp_path, monkeypatch):
    folder = project.folder / "data/samples"
    folder.mkdir(parents=True)
    (project.folder / "dvc.lock").write_text(
        "stages:\n  sample@a:\n    cmd: x\n    outs:\n    - {path: data/samples, hash: md5, md5: 0123.dir}\n"
    )
    nodes = (
        node(lambda: folder, None, "samples/a", name="found"),
        node(lambda _: 1, "samples/a", "b", name="evaluate_samples.a"),
    )
    project.run(*nodes)
    monkeypatch.setenv("DVC_STAGE", "evaluate_samples@a")
    project.run(*nodes)
    without, within = project.runs()
    assert within.data.tags["dvc.md5.samples/a"] == "0123.dir"
    assert "dvc.md5.samples/a" not in without.data.tags


def test_a_result_names_the_tables_it_stands_in(project):
    (project.folder / "conf/base/parameters.yml").write_text(
        "study: small\ntables:\n  table_03: {rows: [{method: A, result: a}]}\n  table_10: {rows: [{result: a}]}\n"
    )
    for name in ("evaluate_samples.a", "evaluate_samples.b", "sample.a"):
        project.run(node(lambda: 1, None, "x", name=name))
    result, other, samples = project.runs()
    assert result.data.tags["table"] == "table_03, table_10"
    assert "table" not in other.data.tags
    assert "table" not in samples.data.tags


def test_a_session_that_also_renders_the_table_tags_its_results_too(project):
    def render(table: Table) -> int:
        return len(table.rows)

    (project.folder / "conf/base/parameters.yml").write_text(
        "study: small\ntables:\n  table_03: {name: table_03, suite: s, second_suite: s, rows: [{method: A, result: a}]}\n"
    )
    tables = node(render, "params:tables.table_03", "rendered", name="render.table_03")
    project.run(node(lambda: 1, None, "a", name="evaluate_samples.a"), tables)
    (run,) = project.runs()
    assert run.data.tags["table"] == "table_03"


def test_pages_of_mlflow_open_at_runs(project):
    project.run(node(lambda: 1, None, "a", name="sample.a"))
    experiment = project.client.get_experiment_by_name("ldm_pipelines/small")
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"


def test_what_params_changed_is_a_parameter_of_the_run_and_of_runs_on_its_result(project, tmp_path):
    folder = tmp_path / "drawn"
    folder.mkdir()
    (folder / "samples.json").write_text("{}")
    bootstrap_project(project.folder)
    with KedroSession.create(project.folder, runtime_params={"seed": 8}) as session:
        nodes = importlib.import_module(f"{project.package}.pipeline_registry").nodes
        nodes[:] = [node(lambda: folder, None, "samples/a", name="sample.a")]
        session.run()
    found = node(lambda: folder, None, "samples/a", name="found")
    project.run(found, node(lambda _: 1, "samples/a", "b", name="evaluate_samples.a"))
    assert [run.data.params["varied"] for run in project.runs()] == ["seed=8", "seed=8"]
