"""A stage on several devices by the real command: processes that torchrun starts, one model, one MLflow run."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.clone import Clone

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("integration")]

STAGE = "train_autoencoder.digits_kl_f4"
RESULT = Path("data/08_reporting/training/autoencoders/digits_kl_f4.json")


@pytest.fixture
def settings(smoke: Clone) -> Iterator[Path]:
    """``conf/local/compute.yml``; what a test has changed, there and in the results, is put back."""
    file = smoke.root / "conf" / "local" / "compute.yml"
    before = file.read_text()
    yield file
    file.write_text(before)
    smoke.run("git", "checkout", "--", "data")
    smoke.run("dvc", "checkout", "--force")


def test_two_devices_train_the_model_of_one_and_log_to_the_stages_run(smoke: Clone, settings: Path) -> None:
    from mlflow.tracking import MlflowClient

    def results() -> tuple[dict[str, float], pd.DataFrame]:
        metrics = json.loads((smoke.root / RESULT).read_text())
        return metrics.get("metrics", metrics), pd.read_csv(smoke.root / RESULT.with_suffix(".csv"))

    one = results()
    settings.write_text(settings.read_text() + "device: cpu\ndevices: 2\n")
    done = smoke.run("kedro", "run", f"--pipelines={STAGE}")
    assert "unseen images" in done.stderr  # what the first process logs is logged by the command
    assert "torchrun" not in done.stderr + done.stdout
    two = results()
    assert two[0] == pytest.approx(one[0], rel=1e-3, abs=1e-4)
    assert list(two[1]) == list(one[1])
    np.testing.assert_allclose(two[1], one[1], rtol=1e-3, atol=1e-5)

    client = MlflowClient(f"sqlite:///{smoke.root}/mlflow.db")
    experiment = client.get_experiment_by_name("ldm_pipelines/smoke")
    query = f"attributes.run_name = '{STAGE}'"
    second, first = client.search_runs(
        [experiment.experiment_id], query, order_by=["attributes.start_time DESC"], max_results=2
    )
    assert second.info.status == "FINISHED"
    logged = [
        [(point.step, point.value) for point in client.get_metric_history(run.info.run_id, "train_loss")]
        for run in (first, second)
    ]
    assert [step for step, _ in logged[1]] == [step for step, _ in logged[0]]
    assert [value for _, value in logged[1]] == pytest.approx([value for _, value in logged[0]], rel=1e-3)


def test_a_batch_that_the_devices_cannot_share_is_a_message(smoke: Clone, settings: Path) -> None:
    settings.write_text(settings.read_text() + "device: cpu\ndevices: 3\n")
    done = smoke.run("kedro", "run", f"--pipelines={STAGE}", check=False)
    assert done.returncode == 1
    assert (
        "autoencoders.digits_kl_f4.training.batch_size is 8, which compute.devices (3) does not divide" in done.stderr
    )
    assert "Take 6 or 9, or another number of devices" in done.stderr
    assert "Traceback" not in done.stderr
