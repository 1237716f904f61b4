"""A small study as its stages leave it for the report."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.small_study import FIGURE, HASHES, PARAMETERS

from ldm_pipelines.reporting.figures.figure_file import FigureFile
from ldm_pipelines.reporting.figures.figure_file import write as write_figure
from ldm_pipelines.reporting.figures.observations import Observation
from ldm_pipelines.reporting.figures.plot import Missing, Source
from ldm_pipelines.reporting.figures.svg import finished
from ldm_pipelines.reporting.pages.report import write_study_report
from ldm_pipelines.reporting.tables.layout import RenderedTable

Write = Callable[..., Path]


@pytest.fixture
def reporting(tmp_path: Path, results: dict[str, dict[str, Any]]) -> Path:
    """``data/08_reporting`` of the study."""
    root = tmp_path / "reporting"

    def put(name: str, content: Any) -> None:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content if isinstance(content, str) else json.dumps(content))

    measured = results["digits_ldm4"] | {"details": {"intervals": {"fid": [3.1, 4.2]}}}
    put("metrics/samples/digits_ldm4.json", measured)
    put("metrics/samples/digits_ldm4_g.json", results["digits_ldm4_g"])
    points = [{"value": steps, "metrics": {"fid": fid}} for steps, fid in ((100, 9.5), (200, 7.25))]
    sweep = {"kind": "sweep", "name": "over_steps", "axis": "training_steps", "points": points, "provenance": {}}
    put("metrics/analysis/over_steps.json", sweep | {"metrics": {"fid_at_100": 9.5}})
    put("training/ldms/digits_class.json", {"val_loss": 0.0488845594227314, "images_seen": 64000})
    put("training/ldms/digits_class.csv", "step,train_loss,val_loss\n10,1.5,\n20,0.5,0.6\n30,0.02,0.03\n")
    record = {
        "git_commit": "0e5ba2cb" * 5, "git_dirty": False, "mlflow_run_id": "4b0dd3c6", "inputs": {"latents/digits_kl": "1a" * 32},
        "outputs": {"ldms/digits_class": "77" * 32}, "versions": {"torch": "2.11.0", "diffusers": None},
    }  # fmt: skip
    put("provenance/train_diffusion.digits_class.json", record)
    device = {"kind": "cpu", "name": "A processor", "precision": "32-true"}
    edited = {"git_dirty": True, "code_changed": True, "resumed_from_other_code": True, "device": device, "code": "c0"}
    put("provenance/evaluate_samples.digits_ldm4.json", record | edited)
    put("provenance/sample.digits_class.json", "{")
    answered = {"preference_vs_gt_pct": 40.0, "preference_vs_gt_pct_low": 30.5, "preference_vs_gt_pct_high": 50.5}
    for name, preferred in (("asked", answered), ("asked_rival", {"preference_vs_gt_pct": 12.5})):
        content = {"kind": "preference", "name": name, "metrics": preferred, "provenance": {}}
        put(f"metrics/user_study/{name}.json", content)
    rate = FigureFile(
        "rate", "Rate", "Not shown: VQ (not run).", "falls",
        (Observation("Ours is best at f = 2.", agrees=False), Observation("PSNR falls.", agrees=True)), "",
        (Missing("VQ", "not run"),), (Source("samples/digits_ldm4"),), finished(FIGURE, "Rate", "falls"),
    )  # fmt: skip
    write_figure(rate, b"", "", root / "figures" / "rate")
    (root / "grids" / "samples").mkdir(parents=True)
    noise = np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8)
    Image.fromarray(noise).save(root / "grids" / "samples" / "digits_class.png")
    return root


@pytest.fixture
def write(reporting: Path, tmp_path: Path, table_3: RenderedTable) -> Write:
    """``write()``: the report of the study; what is given replaces a part of it."""

    def written(**changes: Any) -> Path:
        given = {"tables": [table_3], "reporting": reporting, "parameters": PARAMETERS, "hashes": HASHES} | changes
        write_study_report(folder=tmp_path / "report", **given)
        return tmp_path / "report" / "index.html"

    return written
