"""The nodes of sweeps and throughputs: from parameters and folders to what the catalog saves."""

from pathlib import Path

import pytest
from support.analysed import Analysed, sweep, throughput
from support.tiny_models import COMPUTE

from ldm_pipelines.compute import Compute
from ldm_pipelines.pipelines.analysis.nodes import measure_throughput, run_sweep


@pytest.fixture(scope="module")
def analysed(tmp_path_factory: pytest.TempPathFactory) -> Analysed:
    return Analysed(tmp_path_factory.mktemp("analysed"))


@pytest.fixture
def compute(tmp_path: Path) -> Compute:
    return COMPUTE.under(tmp_path)


def left_over(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_sweep_is_the_same_each_time_and_leaves_nothing_behind(
    analysed: Analysed, tmp_path: Path, compute: Compute
) -> None:
    spec, folders = sweep(values=[4, 12]), vars(analysed.inputs).values()
    result = run_sweep(spec, analysed.ldm(), 0, *folders, compute)
    assert [point["value"] for point in result.result["points"]] == [4, 12]
    assert result.scores == result.result["metrics"]
    assert left_over(tmp_path) == []
    assert run_sweep(spec, analysed.ldm(), 0, *folders, compute) == result
    assert run_sweep(spec, analysed.ldm(), 1, *folders, compute).result["points"] != result.result["points"]


def test_a_throughput_leaves_nothing_behind(analysed: Analysed, tmp_path: Path, compute: Compute) -> None:
    result = measure_throughput(
        throughput(), analysed.ldm(), 0, analysed.model, analysed.latents, analysed.dataset, analysed.first_stage,
        compute,
    )  # fmt: skip
    assert result.scores["train_step_s"] > 0
    assert left_over(tmp_path) == []
