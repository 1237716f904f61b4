"""MLflow's own compare page, in a real browser, shows what differs between two runs and what came of it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run
from PIL import Image
from support.browser import Browser, needs_browser
from support.clone import Clone
from support.mlflow_ui import compare, serving

pytestmark = [needs_browser, pytest.mark.integration, pytest.mark.xdist_group("integration")]


@pytest.fixture(scope="module")
def client(smoke: Clone) -> MlflowClient:
    return MlflowClient(f"sqlite:///{smoke.root}/mlflow.db")


@pytest.fixture(scope="module")
def address(smoke: Clone) -> Iterator[str]:
    with serving(smoke.root) as address:
        yield address


def newest(client: MlflowClient, name: str) -> Run:
    experiment = client.get_experiment_by_name("ldm_pipelines/smoke")
    query = f"attributes.run_name = '{name}' AND attributes.status = 'FINISHED'"
    (run,) = client.search_runs([experiment.experiment_id], query, order_by=["start_time DESC"], max_results=1)
    return run


def test_two_evaluations_show_their_names_metrics_and_the_parameter_that_differs(
    address: str, client: MlflowClient, tmp_path: Path
) -> None:
    runs = [newest(client, f"evaluate_samples.{name}") for name in ("digits_class", "digits_class_guided")]
    with Browser(tmp_path) as browser:
        page = compare(browser, address, runs[0].info.experiment_id, [run.info.run_id for run in runs], "fid")
        page.wait("document.body.innerText.includes('samples.png')")  # a picture that both have
        text = re.split(r"[\n\t]", page.text("body"))
        picture = Image.open(page.screenshot(tmp_path / "compare.png"))
        outside = [url for url in page.requests() if not url.startswith(address)]
    for run in runs:
        assert run.info.run_name in text
    for metric in ("fid", "is", "precision", "recall", "accuracy"):
        assert metric in text
    for parameter in ("f", "learning_rate", "steps", "sampler", "sampler_steps", "guidance_scale"):
        assert parameter in text
    assert outside == []
    assert len(picture.convert("RGB").getcolors(maxcolors=1 << 24) or ()) > 100  # no blank page


def test_variations_of_one_training_show_their_losses(address: str, client: MlflowClient, tmp_path: Path) -> None:
    runs = [newest(client, f"train_diffusion.{name}") for name in ("digits_class", "digits_class_l1")]
    with Browser(tmp_path) as browser:
        page = compare(browser, address, runs[0].info.experiment_id, [run.info.run_id for run in runs], "train_loss")
        text = re.split(r"[\n\t]", page.text("body"))
    for wanted in ("train_diffusion.digits_class", "train_diffusion.digits_class_l1", "train_loss", "val_loss", "loss"):
        assert wanted in text
