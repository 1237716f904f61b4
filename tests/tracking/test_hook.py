"""What MLflow remembers of a Kedro session."""

import json
import logging
import sqlite3

import pandas as pd
import pytest
import yaml
from kedro.pipeline import node
from PIL import Image

from ldm_pipelines.digests import digest_folder
from ldm_pipelines.errors import InputError
from ldm_pipelines.spec import Entity, Spec
from ldm_pipelines.tracking.run import active_run


class Training(Spec):
    learning_rate: float = 1e-4
    betas: tuple[float, float] = (0.9, 0.999)
    gradient_clip: float | None = None


class Model(Entity):
    latent: str = "digits_f4"
    dataset: str | None = None
    training: Training = Training()


def constant(value):
    """A node's function that takes anything and returns ``value``."""
    return lambda *inputs: value


def mlflow_text(project, run, name):
    return (project.folder / "mlruns" / run.info.run_id / "artifacts" / name).read_text()


def model(name="unet", **training):
    return node(constant(Model(name=name, training=Training(**training))), None, name, name=f"configure.{name}")


@pytest.fixture
def dataset(tmp_path):
    folder = tmp_path / "digits"
    folder.mkdir()
    (folder / "dataset.json").write_text('{"name": "digits"}')
    (folder / "manifest.parquet").write_bytes(b"rows")
    return folder


@pytest.fixture
def artefact(tmp_path):
    """A trained model's folder."""
    folder = tmp_path / "artefact"
    (folder / "pictures").mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "metrics.json").write_text('{"fid": 12.5, "psnr": 31, "name": "not a number", "nothing": null}')
    (folder / "curves.csv").write_text("step,train_loss,val_loss\n10,1.5,\n20,0.5,0.75\n")
    for name in ("grid.png", "pictures/reconstructions.png", "pictures/inputs.png"):
        Image.new("RGB", (2, 2)).save(folder / name)
    return folder


def test_a_run_holds_parameters_metrics_curves_pictures_and_where_they_come_from(project, dataset, artefact):
    commit = project.git_init()
    project.run(
        model(learning_rate=3e-4),
        node(constant(dataset), None, "datasets.digits", name="raw"),
        node(constant(artefact), ["unet", "datasets.digits", "params:seed"], "ldms.unet", name="train_diffusion.unet"),
    )
    (run,) = project.runs()
    assert (run.info.run_name, run.info.status) == ("train_diffusion.unet", "FINISHED")
    assert run.data.params == {"study": "small", "entity": "unet", "learning_rate": "0.0003", "seed": "7"}
    assert yaml.safe_load(mlflow_text(project, run, "parameters.yaml")) == {
        "name": "unet",
        "latent": "digits_f4",
        "dataset": None,
        "training": {"learning_rate": 3e-4, "betas": [0.9, 0.999], "gradient_clip": None},
    }
    assert run.data.metrics == {"fid": 12.5, "psnr": 31.0, "train_loss": 0.5, "val_loss": 0.75}
    curve = project.client.get_metric_history(run.info.run_id, "train_loss")
    assert [(point.step, point.value) for point in curve] == [(10, 1.5), (20, 0.5)]
    files = {file.path for file in project.client.list_artifacts(run.info.run_id)}
    assert files == {"parameters.yaml", "samples.png", "reconstructions.png", "inputs.png"}  # no model, no images
    assert run.info.artifact_uri.startswith((project.folder / "mlruns").as_uri())
    expected = {
        "stage": "train_diffusion",
        "entity": "unet",
        "study": "small",
        "git.commit": commit,
        "mlflow.source.git.commit": commit,
        "git.dirty": "false",
        "input.datasets.digits": digest_folder(dataset),
        "output.ldms.unet": digest_folder(artefact),
    }
    assert run.data.tags.items() >= expected.items()
    (used,) = run.inputs.dataset_inputs
    assert (used.dataset.name, used.dataset.digest) == ("digits", digest_folder(dataset)[:36])


def test_a_record_beside_the_results_names_code_parameters_inputs_and_run(project, dataset, artefact):
    commit = project.git_init()
    project.run(
        model(),
        node(constant(dataset), None, "digits", name="raw"),
        node(constant(artefact), ["unet", "digits"], "ldm", name="train_diffusion.unet"),
    )
    folder = project.folder / "data/08_reporting/provenance"
    record = json.loads((folder / "train_diffusion.unet.json").read_text())
    (run,) = project.runs()
    assert record["mlflow_run_id"] == run.info.run_id
    assert (record["git_commit"], record["git_dirty"]) == (commit, False)
    assert record["inputs"] == {"digits": digest_folder(dataset)}
    assert record["outputs"] == {"ldm": digest_folder(artefact)}
    assert len(record["parameters"]) == 64
    assert set(record["versions"]) >= {"ldm_pipelines", "python", "torch", "diffusers", "numpy", "pillow"}
    assert "code_changed" not in record
    assert "resumed_from_other_code" not in record
    assert [path.name for path in folder.iterdir()] == ["train_diffusion.unet.json"]


def test_two_evaluations_compare_by_the_names_of_their_metrics_and_parameters(project):
    for name, rate, fid in (("slow", 1e-4, 30.0), ("fast", 1e-3, 20.0)):
        result = {"kind": "samples", "metrics": {"fid": fid, "precision": 0.5}, "provenance": {}}
        evaluate = node(constant(result), name, f"{name}_result", name=f"evaluate_samples.{name}")
        project.run(model(name, learning_rate=rate), evaluate)
    better = project.runs("metrics.fid < 25 AND params.learning_rate = '0.001'")
    assert [run.info.run_name for run in better] == ["evaluate_samples.fast"]
    assert all(run.data.metrics.keys() == {"fid", "precision"} for run in project.runs())
    assert {run.data.params["entity"] for run in project.runs()} == {"slow", "fast"}


def test_a_data_frame_becomes_curves_without_the_steps_where_nothing_was_logged(project):
    curves = pd.DataFrame({"step": [1, 2], "train_loss": [0.5, 0.25], "val psnr (dB)": [None, 30.0]})
    project.run(node(constant(curves), None, "curves", name="train_autoencoder.kl"))
    (run,) = project.runs()
    points = {
        name: [(p.step, p.value) for p in project.client.get_metric_history(run.info.run_id, name)]
        for name in run.data.metrics
    }
    assert points == {"train_loss": [(1, 0.5), (2, 0.25)], "val psnr _dB_": [(2, 30.0)]}


def test_curves_returned_twice_are_logged_once(project, artefact):
    """A training stage returns its folder, and the metrics and curves in it on their own."""
    outputs = (artefact, {"fid": 12.5}, pd.read_csv(artefact / "curves.csv"))
    project.run(node(constant(outputs), None, ["ldm", "metrics", "curves"], name="train_diffusion.unet"))
    (run,) = project.runs()
    assert len(project.client.get_metric_history(run.info.run_id, "train_loss")) == 2
    assert run.data.metrics["fid"] == 12.5


def test_values_of_other_kinds_and_absurd_lengths_are_no_obstacle(project):
    long = Model(name="unet", dataset="x" * 10_000)
    project.run(
        node(constant(long), None, "unet@first", name="configure"),
        node(constant((3, "text")), "unet@first", ["number", "text"], name="sample.unet"),
    )
    (run,) = project.runs()
    assert run.info.status == "FINISHED"
    assert run.data.params["dataset"] == "x" * 6000


def test_a_stage_that_fails_ends_as_failed_and_says_why(project):
    def diverge():
        raise FloatingPointError("loss is NaN at step 12")

    with pytest.raises(FloatingPointError):
        project.run(node(diverge, None, "ldm", name="train_diffusion.unet"))
    (run,) = project.runs()
    assert run.info.status == "FAILED"
    assert run.data.tags["error"] == "FloatingPointError: loss is NaN at step 12"
    assert active_run() is None
    assert not (project.folder / "data").exists()


def test_a_stage_whose_output_cannot_be_saved_is_not_finished(project):
    (project.folder / "conf/base/catalog.yml").write_text(
        "report: {type: text.TextDataset, filepath: data/report.txt}\n"
    )
    with pytest.raises(Exception, match="Failed while saving"):
        project.run(node(constant({"metrics": {"fid": 1.0}}), None, "report", name="evaluate_samples.unet"))
    (run,) = project.runs()
    assert (run.info.status, run.data.metrics) == ("FAILED", {"fid": 1.0})


def test_several_stages_in_one_session_are_several_runs_and_each_is_active_in_its_own_node_only(project):
    seen = []

    def look(*inputs):
        seen.append(active_run() and active_run().name)
        return 1

    project.run(
        node(look, None, "a", name="prepare_data.a"),
        node(look, "a", "b", name="tables.b"),
        node(look, "b", "c", name="sample.c"),
    )
    assert seen == ["prepare_data.a", None, "sample.c"]
    assert [run.info.run_name for run in project.runs()] == ["prepare_data.a", "sample.c"]


def test_a_store_that_breaks_on_the_way_costs_a_warning_and_not_the_training(project, artefact, caplog):
    def train():
        logging.getLogger("ldm_pipelines").addHandler(caplog.handler)  # only now: Kedro has set up logging before
        with sqlite3.connect(project.folder / "mlflow.db") as database:
            database.execute("DROP TABLE metrics")
        return artefact

    project.run(node(train, None, "ldm", name="train_diffusion.unet"))
    warnings = [record.getMessage() for record in caplog.records if record.name.startswith("ldm_pipelines")]
    assert len(warnings) == 1
    assert "train_diffusion.unet could not be tracked; the stage goes on: no such table: metrics" in warnings[0]
    with sqlite3.connect(project.folder / "mlflow.db") as database:
        assert database.execute("SELECT status FROM runs").fetchall() == [("FINISHED",)]


def test_a_store_that_cannot_be_opened_is_an_error_before_any_work(project):
    (project.folder / "mlflow.db").write_text(
        "this is no database, although it is long enough to be read as a header " * 20
    )
    worked = []
    with pytest.raises(InputError, match=r"mlflow\.db cannot be used: file is not a database.*MLFLOW_TRACKING_URI"):
        project.run(node(worked.append, "params:seed", "x", name="sample.unet"))
    assert worked == []


def test_the_user_s_own_store_is_honoured(project, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/elsewhere/runs.db")
    project.run(node(constant(1), None, "x", name="sample.unet"))
    assert (tmp_path / "elsewhere/runs.db").exists()
    assert project.runs() == []


def test_a_path_with_spaces_and_signs_is_no_obstacle(make_project, artefact):
    project = make_project(folder="my project (ü) 100%")
    (project.folder / "mlflow.db").unlink()
    project.run(node(constant(artefact), None, "x", name="sample.unet"))
    (run,) = project.runs()
    assert (project.folder / "mlruns" / run.info.run_id / "artifacts/samples.png").is_file()
