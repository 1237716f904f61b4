"""Quality along an axis: the points are those of evaluations, and a killed sweep ends with the same bytes."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.analysed import KEPT, Analysed, sweep
from support.tiny_models import COMPUTE, samples

from ldm_pipelines.analysis.spec import Sweep
from ldm_pipelines.analysis.sweep import run_sweep
from ldm_pipelines.diffusion.train import SNAPSHOTS
from ldm_pipelines.digests import digest_folder
from ldm_pipelines.errors import InputError
from ldm_pipelines.evaluation.samples import evaluate_samples
from ldm_pipelines.evaluation.spec import Evaluation
from ldm_pipelines.sampling.sample import sample

SEED = 3


@pytest.fixture(scope="module")
def analysed(tmp_path_factory: pytest.TempPathFactory) -> Analysed:
    return Analysed(tmp_path_factory.mktemp("analysed"))


def run(analysed: Analysed, spec: Sweep, workspace: Path) -> dict[str, Any]:
    return run_sweep(spec, analysed.ldm(), analysed.inputs, seed=SEED, workspace=workspace, compute=COMPUTE)


@pytest.fixture(scope="module")
def over_training(analysed: Analysed, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return run(analysed, sweep(), tmp_path_factory.mktemp("training"))


def evaluated(analysed: Analysed, model: Path, steps: int, workspace: Path) -> dict[str, float]:
    """The metrics of a sample set and an evaluation with the sweep's parameters."""
    spec, found = sweep(), analysed.inputs
    drawn = sample(
        samples(count=spec.count, sampler={"kind": "ddim", "steps": steps, "eta": 1.0}), model, found.autoencoder,
        found.dataset, seed=SEED, workspace=workspace, compute=COMPUTE,
    )  # fmt: skip
    evaluation = Evaluation(
        name="set", samples="set", reference="real", dataset="images", split="train", feature_network="classifier",
        perceptual_network="classifier", distribution=spec.distribution, suite="analysis",
    )  # fmt: skip
    measured: dict[str, float] = evaluate_samples(
        evaluation, drawn, found.reference, found.dataset, found.feature_network, found.perceptual_network,
        workspace=workspace, compute=COMPUTE,
    )["metrics"]  # fmt: skip
    return measured


def test_each_snapshot_has_the_numbers_of_an_evaluation_of_its_samples(
    analysed: Analysed, over_training: dict[str, Any], tmp_path: Path
) -> None:
    assert [point["value"] for point in over_training["points"]] == [4, 8, 12]
    folders = [*(analysed.model / SNAPSHOTS / str(step) for step in KEPT), analysed.model]
    for point, folder in zip(over_training["points"], folders, strict=True):
        assert point["metrics"] == evaluated(analysed, folder, 2, tmp_path / str(point["value"]))
    assert len({point["metrics"]["fid"] for point in over_training["points"]}) == 3


def test_each_number_of_sampler_steps_has_the_numbers_of_an_evaluation(analysed: Analysed, tmp_path: Path) -> None:
    result = run(analysed, sweep(axis="sampler_steps", values=[1, 4]), tmp_path / "sweep")
    assert [point["value"] for point in result["points"]] == [1, 4]
    assert result["points"][1]["metrics"] == evaluated(analysed, analysed.model, 4, tmp_path / "by_hand")
    assert result["points"][0] != result["points"][1]
    assert result["provenance"]["sampler"] == {"kind": "ddim", "eta": 1.0}


def test_the_result_says_what_was_measured_and_by_what(analysed: Analysed, over_training: dict[str, Any]) -> None:
    assert (over_training["kind"], over_training["axis"], over_training["name"]) == ("sweep", "training_steps", "curve")
    for point in over_training["points"]:
        assert set(point["metrics"]) >= {"fid", "is", "is_std", "precision", "recall", "accuracy"}
        assert np.isfinite(list(point["metrics"].values())).all()
        assert over_training["metrics"][f"fid_at_{point['value']}"] == point["metrics"]["fid"]
    provenance = over_training["provenance"]
    described = provenance["ldm"]
    assert (described["name"], described["f"], described["batch_size"]) == ("tiny", 4, 4)
    assert (described["training_steps"], described["digest"]) == (12, digest_folder(analysed.model))
    assert described["n_params"] > 0
    assert provenance["sampler"] == {"kind": "ddim", "steps": 2, "eta": 1.0}
    assert provenance["feature_network"]["name"] == "classifier"
    assert (provenance["reference"]["dataset"], provenance["reference"]["split"]) == ("images", "train")
    protocol = provenance["protocol"]
    assert (protocol["samples"], protocol["guidance_scale"], protocol["seed"]) == (12, 1.0, SEED)


def test_a_killed_sweep_keeps_what_it_has_and_ends_with_the_same_bytes(
    analysed: Analysed, over_training: dict[str, Any], tmp_path: Path
) -> None:
    script = tmp_path / "sweep.py"
    script.write_text(
        textwrap.dedent(f"""
        import sys
        from pathlib import Path
        from ldm_pipelines.analysis.spec import Sweep
        from ldm_pipelines.analysis.sweep import Inputs, run_sweep
        from ldm_pipelines.compute import Compute
        from ldm_pipelines.diffusion.spec import LDM
        inputs = Inputs(*(Path(p) for p in {[str(p) for p in vars(analysed.inputs).values()]!r}))
        spec = Sweep.model_validate({sweep().model_dump(mode="json")!r})
        ldm = LDM.model_validate({analysed.ldm().model_dump(mode="json")!r})
        compute = Compute.model_validate({COMPUTE.model_dump(mode="json")!r})
        run_sweep(spec, ldm, inputs, seed={SEED}, workspace=Path(sys.argv[1]), compute=compute)
        """)
    )
    killed = tmp_path / "killed"
    process = subprocess.Popen([sys.executable, script, killed])
    deadline = time.monotonic() + 120
    while not list(killed.glob("8/artefact/images/*.png")) and time.monotonic() < deadline:
        time.sleep(0.001)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    first = killed / "points" / "4.json"
    assert first.exists()
    assert not (killed / "points" / "8.json").exists()  # it was killed while it drew the second set
    written = first.stat().st_mtime_ns
    again = run(analysed, sweep(), killed)
    assert first.stat().st_mtime_ns == written
    assert json.dumps(again) == json.dumps(over_training)
    assert not list(killed.rglob("*.png"))


def test_a_snapshot_that_is_not_there_is_refused_with_those_that_are(analysed: Analysed, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'tiny' has no snapshot of step 5; there are 4, 8, 12\. Others are made by"):
        run(analysed, sweep(values=[4, 5]), tmp_path)
    assert not list(tmp_path.rglob("*.png"))


def test_steps_that_do_not_divide_the_schedule_are_refused_before_anything_is_drawn(
    analysed: Analysed, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="nearest valid: 5 and 8"):
        run(analysed, sweep(axis="sampler_steps", values=[2, 7]), tmp_path)
    assert not list(tmp_path.rglob("*.png"))


def test_conditions_of_a_dataset_are_those_of_the_named_split(tmp_path: Path) -> None:
    analysed = Analysed(tmp_path / "inpainting", "mini_inpainting")
    result = run(analysed, sweep(values=[12], count=8), tmp_path / "sweep")
    assert result["points"][0]["metrics"]["known_pixels_changed"] == 0
    assert result["points"][0]["metrics"]["psnr"] > 0
