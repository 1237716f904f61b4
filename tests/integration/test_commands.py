"""The real commands on the smoke study: DVC, Kedro, MLflow, Hydra together."""

import csv
import json
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
import yaml
from support.clone import Clone
from support.interruption import heed_ctrl_c

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("integration")]

STAGE = re.compile(r"Running stage '([^']+)'")


def outputs(root: Path) -> dict[str, bytes]:
    found = [p for p in (root / "data").rglob("*") if p.is_file() and ".workspace" not in p.parts]
    return {str(p.relative_to(root)): p.read_bytes() for p in found if "provenance" not in p.parts}


def test_everything_is_there_after_dvc_repro(smoke: Clone) -> None:
    reporting = smoke.root / "data" / "08_reporting"
    for extension in ("md", "tex", "csv", "html", "txt"):
        assert (reporting / "tables" / "table_03" / f"table_03.{extension}").stat().st_size > 200
    for extension in ("svg", "png", "csv", "json"):
        assert (reporting / "figures" / "rate_distortion" / f"rate_distortion.{extension}").stat().st_size > 200
    assert (reporting / "report" / "index.html").stat().st_size > 10_000
    result = json.loads((reporting / "metrics" / "class_conditional" / "digits_class.json").read_text())
    assert set(result["metrics"]) >= {"fid", "is", "is_std", "precision", "recall", "accuracy"}
    assert result["provenance"]["feature_network"]["name"] == "digits_classifier"
    for name, values in (("digits_class_training", [10, 20]), ("digits_class_sampling", [2, 5])):
        sweep = json.loads((reporting / "metrics" / "analysis" / f"{name}.json").read_text())
        assert [point["value"] for point in sweep["points"]] == values
        assert {point["metrics"]["fid"] for point in sweep["points"]} == {
            sweep["metrics"][f"fid_at_{value}"] for value in values
        }
    throughput = json.loads((reporting / "metrics" / "throughput" / "digits_class.json").read_text())
    assert min(throughput["metrics"].values()) > 0
    assert not [p for p in (smoke.root / "data" / ".workspace").rglob("*") if p.is_file()]


def test_a_second_repro_runs_nothing(smoke: Clone) -> None:
    assert STAGE.findall(smoke.run("dvc", "repro").stdout) == []
    assert smoke.run("dvc", "status").stdout.strip() == "Data and pipelines are up to date."


def test_verify_finds_a_fresh_study_matching_and_names_the_rows_behind_touched_code(smoke: Clone) -> None:
    done = smoke.run("kedro", "run", "--pipelines=verify")
    assert "table_03: 2 of 2 rows match" in done.stdout
    assert "table_08: 2 of 2 rows match" in done.stdout
    assert "uncommitted" not in done.stdout
    code = smoke.root / "src" / "ldm_pipelines" / "sampling" / "samplers.py"
    before = code.read_text()
    code.write_text(before + "# touched\n")
    done = smoke.run("kedro", "run", "--pipelines=verify", check=False)
    code.write_text(before)
    assert done.returncode == 1
    assert "LDM-4-G (class_conditional/digits_class_guided): sample@digits_class_guided" in done.stdout
    assert "code changed: src/ldm_pipelines/sampling" in done.stdout
    assert "table_08: 2 of 2 rows match" in done.stdout
    assert done.stderr.rstrip().endswith(
        "2 rows, tables or figures do not match what is here; `dvc repro` makes what is stale again"
    )
    assert "figures@rate_distortion: matches" in done.stdout
    assert "Traceback" not in done.stderr


def test_a_stage_made_again_by_force_keeps_its_record(smoke: Clone) -> None:
    record = smoke.root / "data" / "08_reporting" / "provenance" / "evaluate_reference.digits_train.json"
    before = record.read_bytes()
    assert list(json.loads(before)["outputs"]) == ["references/digits_train"]
    done = smoke.run("dvc", "repro", "-s", "-f", "evaluate_reference@digits_train")
    assert STAGE.findall(done.stdout) == ["evaluate_reference@digits_train"]
    assert record.read_bytes() == before


def test_one_changed_model_reruns_only_what_follows_from_it(smoke: Clone) -> None:
    record = smoke.root / "data" / "08_reporting" / "provenance" / "train_diffusion.digits_class_l1.json"
    before = record.read_bytes()
    smoke.run("kedro", "compose", "study=smoke", "ldms.digits_class_l1.training.steps=21")
    done = smoke.run("dvc", "repro")
    # the report tells what every model was asked for, so it follows from any change
    assert sorted(STAGE.findall(done.stdout)) == [
        "describe_ldm@digits_class_l1", "report", "train_diffusion@digits_class_l1"
    ]  # fmt: skip
    assert json.loads(record.read_bytes())["parameters"] != json.loads(before)["parameters"]
    smoke.run("kedro", "compose", "study=smoke", "samples.digits_class_guided.guidance_scale=3")
    done = smoke.run("dvc", "repro", "tables@table_03")
    assert STAGE.findall(done.stdout) == [
        "sample@digits_class_guided", "evaluate_samples@digits_class_guided", "tables@table_03"
    ]  # fmt: skip
    smoke.run("kedro", "compose", "study=smoke")
    again = STAGE.findall(smoke.run("dvc", "repro").stdout)
    # the run cache brings models and samples back; what DVC does not keep is made again, to the same bytes
    assert sorted(again) == [
        "describe_ldm@digits_class_l1", "evaluate_samples@digits_class_guided", "report", "tables@table_03"
    ]  # fmt: skip
    assert record.read_bytes() == before


def test_a_composite_kedro_run_writes_the_same_bytes_as_the_stages(smoke: Clone) -> None:
    before = outputs(smoke.root)
    smoke.run("kedro", "run", "--pipeline=train_ldm")
    smoke.run("kedro", "run", "--pipelines=tables")
    after = outputs(smoke.root)
    assert {k for k in before if before[k] != after.get(k)} == set()
    assert set(after) == set(before)
    assert smoke.run("dvc", "status").stdout.strip() == "Data and pipelines are up to date."


def test_ctrl_c_leaves_a_state_from_which_the_same_command_continues(smoke: Clone) -> None:
    before = outputs(smoke.root)
    command = ["kedro", "run", "--pipelines=train_diffusion.digits_class"]
    states = smoke.root / "data" / ".workspace" / "train_diffusion"
    for _ in range(5):  # the training is short: on a busy machine it can be over before the signal comes
        process = subprocess.Popen(
            command, cwd=smoke.root, env=smoke.environment, stderr=subprocess.PIPE, text=True, preexec_fn=heed_ctrl_c
        )
        deadline = time.monotonic() + 120
        while not list(states.glob("digits_class-*/state.ckpt")) and time.monotonic() < deadline:
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        if process.returncode:
            break
    assert process.returncode != 0
    assert "Traceback" not in errors
    assert outputs(smoke.root) == before
    done = smoke.run(*command)
    assert "resuming at step" in done.stderr
    assert outputs(smoke.root) == before


def test_dvc_shows_metrics_and_curves(smoke: Clone) -> None:
    metrics = json.loads(smoke.run("dvc", "metrics", "show", "--json").stdout)[""]["data"]
    assert metrics["data/08_reporting/scores/class_conditional/digits_class.json"]["data"]["fid"] > 0
    smoke.run("dvc", "plots", "show", "--out", "plots")
    page = (smoke.root / "plots" / "index.html").read_text()
    assert '"field": "train_loss"' in page
    assert "digits_class_l1: training loss" in page
    assert "digits_class_guided.png" in page
    curves = (smoke.root / "data/08_reporting/training/ldms/digits_class.csv").read_text().splitlines()
    assert next(csv.reader(curves))[0] == "step"


def test_dvc_mlflow_and_the_tables_call_metrics_by_the_same_names(smoke: Clone) -> None:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{smoke.root}/mlflow.db")
    experiment = client.get_experiment_by_name("ldm_pipelines/smoke")
    shown = json.loads(smoke.run("dvc", "metrics", "show", "--json").stdout)[""]["data"]
    for stage, name, file in (
        ("evaluate_samples", "digits_class", "scores/class_conditional"),
        ("evaluate_reconstruction", "digits_vq_f4", "scores/autoencoder_zoo"),
        ("train_diffusion", "digits_class", "training/ldms"),
        ("train_autoencoder", "digits_kl_f4", "training/autoencoders"),
    ):
        query = f"attributes.run_name = '{stage}.{name}' AND attributes.status = 'FINISHED'"
        run = client.search_runs([experiment.experiment_id], query)[0]
        values = shown[f"data/08_reporting/{file}/{name}.json"]["data"]
        numbers = {metric for metric, value in values.items() if value is not None}
        assert numbers <= run.data.metrics.keys()
        assert not [metric for metric in values if "." in metric]  # flat: no path before the name
        result = smoke.root / "data" / "08_reporting" / file.replace("scores", "metrics") / f"{name}.json"
        assert values == (json.loads(result.read_text()).get("metrics") or values)
    (curves,) = {
        path.read_text().splitlines()[0] for path in (smoke.root / "data/08_reporting/training/ldms").glob("*.csv")
    }
    assert curves.split(",") == ["step", "train_loss", "val_loss"]


def test_an_experiment_changes_a_parameter_and_is_kept(smoke: Clone) -> None:
    arguments = ("-S", "study=smoke", "-S", "ldms.digits_class.training.learning_rate=0.01")
    before = [(smoke.root / name).read_bytes() for name in ("params.yaml", "dvc.lock")]
    smoke.run("dvc", "exp", "run", "--temp", "--name", "faster", *arguments, "train_diffusion@digits_class")
    table = json.loads(smoke.run("dvc", "exp", "show", "--json", "--no-pager").stdout)
    text = json.dumps(table)
    assert '"faster"' in text
    assert "0.01" in text
    assert [(smoke.root / name).read_bytes() for name in ("params.yaml", "dvc.lock")] == before


def test_a_sweep_can_be_queued_and_run(smoke: Clone) -> None:
    sweep = "ldms.digits_class_l1.training.learning_rate=0.03,0.04"
    target = "train_diffusion@digits_class_l1"
    smoke.run("dvc", "exp", "run", "--queue", "-S", "study=smoke", "-S", sweep, target)
    assert smoke.run("dvc", "queue", "status").stdout.count("Queued") == 2
    smoke.run("dvc", "exp", "run", "--run-all")
    assert smoke.run("dvc", "queue", "status").stdout.count("Success") == 2
    rates = json.dumps(json.loads(smoke.run("dvc", "exp", "show", "--json", "--no-pager").stdout))
    assert "0.03" in rates
    assert "0.04" in rates


def test_every_stage_is_an_mlflow_run_with_metrics_pictures_and_tags(smoke: Clone) -> None:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{smoke.root}/mlflow.db")
    runs = client.search_runs([e.experiment_id for e in client.search_experiments()], max_results=500)
    by_name = {run.data.tags["mlflow.runName"]: run for run in runs}
    assert {name.split(".")[0] for name in by_name} == {
        "prepare_data", "train_feature_network", "train_autoencoder", "encode_latents", "train_diffusion", "sample",
        "evaluate_reference", "evaluate_samples", "evaluate_reconstruction", "sweep", "measure_throughput",
    }  # fmt: skip
    interrupted = {run.data.tags["mlflow.runName"] for run in runs if run.info.status != "FINISHED"}
    assert interrupted <= {"train_diffusion.digits_class"}  # the test of Ctrl-C
    assert by_name["evaluate_samples.digits_class"].data.metrics["fid"] > 0
    assert by_name["sweep.digits_class_training"].data.metrics["fid_at_10"] > 0
    assert by_name["measure_throughput.digits_class"].data.metrics["samples_per_s"] > 0
    training = by_name["train_diffusion.digits_class"]
    assert {m.step for m in client.get_metric_history(training.info.run_id, "train_loss")} == set(range(1, 21))
    assert training.data.params["learning_rate"] == "0.002"
    assert training.data.tags["dvc.stage"] == "train_diffusion@digits_class"
    assert training.data.tags["group"].startswith("dvc repro ")
    evaluation = by_name["evaluate_samples.digits_class_guided"]
    assert evaluation.data.tags["table"] == "table_03"
    expected = {
        "f": "4",
        "conditioning": "class",
        "learning_rate": "0.002",
        "sampler_steps": "5",
        "guidance_scale": "2.0",
    }
    assert evaluation.data.params.items() >= expected.items()
    assert len(evaluation.data.params) < 30
    for name, picture in (
        ("sample.digits_class", "samples.png"), ("evaluate_samples.digits_class", "samples.png"),
        ("train_autoencoder.digits_kl_f4", "reconstructions.png"),
        ("evaluate_reconstruction.digits_kl_f4", "reconstructions.png"),
    ):  # fmt: skip
        files = client.list_artifacts(by_name[name].info.run_id)
        assert [file.path for file in files] == sorted(["parameters.yaml", picture])
        assert sum(file.file_size for file in files) < 1_000_000
    assert by_name["train_autoencoder.digits_kl_f4"].inputs.dataset_inputs[0].dataset.name == "digits"


def test_a_failing_stage_says_why_and_is_a_failed_run(smoke: Clone) -> None:
    config = smoke.root / "data" / "06_models" / "ldms" / "digits_class" / "config.json"
    config.rename(config.with_name("away"))
    done = smoke.run("kedro", "run", "--pipelines=sample.digits_class", check=False)
    config.with_name("away").rename(config)
    assert done.returncode == 1
    assert done.stderr.rstrip().endswith("is not a latent diffusion model: config.json is missing")
    assert "Traceback" not in done.stderr
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{smoke.root}/mlflow.db")
    experiments = [e.experiment_id for e in client.search_experiments()]
    failed = client.search_runs(experiments, "attributes.status = 'FAILED'")
    assert [run.data.tags["mlflow.runName"] for run in failed] == ["sample.digits_class"]
    for run in failed:
        client.delete_run(run.info.run_id)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("kedro", "run", "--pipelines=train_ldm", "--params=ldms.digits_class.training.lr=1"), "no such parameter"),
        (("kedro", "run", "--pipelines=train_ldm", "--params=ldms.digits_class.latent=x"), "references are part of the graph"),
        (("kedro", "run", "--pipelines=train_ldm", "--params=samples.digits_class.sampler.steps=7"), "nearest valid: 5 and 8"),
        (("kedro", "compose", "study=smok"), "Could not find 'study/smok'"),
        (("kedro", "show", "table_3"), "did you mean 'table_03'"),
        (("kedro", "run", "--pipelines=prepare_data.digit"), "there is no pipeline 'prepare_data.digit'; did you mean 'prepare_data.digits'?"),
        (("kedro", "run", "--pipeline=prepare_data.lsun_churches"), "`kedro compose study=smoke +dataset@datasets.lsun_churches=lsun_churches`"),
    ],
)  # fmt: skip
def test_a_users_mistake_gets_one_clear_error(smoke: Clone, command: tuple[str, ...], message: str) -> None:
    done = smoke.run(*command, check=False)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_input_names_the_command_that_makes_it(smoke: Clone) -> None:
    model = smoke.root / "data" / "06_models" / "ldms" / "digits_class"
    model.rename(model.with_name("away"))
    done = smoke.run("kedro", "run", "--pipelines=sample.digits_class", check=False)
    model.with_name("away").rename(model)
    assert done.returncode == 1
    assert "make it with `kedro run --pipelines=train_diffusion.digits_class`" in done.stderr


def test_the_kedro_commands_of_the_readme_work(smoke: Clone) -> None:
    listed = smoke.run("kedro", "registry", "list").stdout
    for pipeline in ("train_ldm", "train_ldm.digits_class", "table_03", "table_08", "tables", "report"):
        assert f"- {pipeline}\n" in listed
    assert "ldms/digits_class" in smoke.run("kedro", "catalog", "describe-datasets").stdout
    shown = smoke.run("kedro", "show", "table_03").stdout
    assert "LDM-4-G" in shown
    assert max(map(len, shown.splitlines())) <= 110
    assert smoke.run("kedro", "compose", "--check", check=False).returncode == 1  # smoke is not the default study


def test_tables_are_made_without_pytorch_or_mlflow(smoke: Clone) -> None:
    code = (
        "import sys; from pathlib import Path; from kedro.framework.startup import bootstrap_project;"
        "from kedro.framework.session import KedroSession; bootstrap_project(Path.cwd());"
        "session = KedroSession.create(Path.cwd()); session.run(pipeline_names=['tables']);"
        "print(sorted({'torch', 'mlflow', 'diffusers', 'pytorch_lightning'} & set(sys.modules)))"
    )
    assert smoke.run("python", "-c", code).stdout.strip().splitlines()[-1] == "[]"


def test_the_stages_of_dvc_are_the_entities_of_the_study(smoke: Clone) -> None:
    parameters = yaml.safe_load((smoke.root / "params.yaml").read_text())
    stages = set(smoke.run("dvc", "stage", "list", "--name-only").stdout.split())
    expected = {
        f"{stage}@{name}"
        for stage, kind in {
            "prepare_data": "datasets", "train_feature_network": "feature_networks",
            "train_autoencoder": "autoencoders", "encode_latents": "latents", "train_diffusion": "ldms",
            "sample": "samples", "evaluate_reference": "references", "evaluate_samples": "evaluations", "evaluate_reconstruction": "reconstructions",
            "sweep": "sweeps", "measure_throughput": "throughputs", "tables": "tables", "figures": "figures",
            "describe_ldm": "ldms",
        }.items()
        for name in parameters[kind]
    } | {"report"}  # fmt: skip
    assert stages == expected
