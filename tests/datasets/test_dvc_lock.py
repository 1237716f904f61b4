"""What DVC noted of outputs."""

from pathlib import Path

import pytest
from kedro.io import DatasetError

from ldm_pipelines.io import DvcLockDataset

LOCK = """
schema: '2.0'
stages:
  sample@digits:
    cmd: x
    deps: [{path: src, md5: aa.dir}]
    outs: [{path: data/samples, hash: md5, md5: bb.dir}, {path: data/unknown}]
  report:
    cmd: y
"""


def test_outputs_have_their_hashes_by_stage_and_path(tmp_path: Path) -> None:
    (tmp_path / "dvc.lock").write_text(LOCK)
    hashes = DvcLockDataset(str(tmp_path / "dvc.lock")).load()
    assert hashes == {"sample@digits": {"data/samples": "bb.dir"}, "report": {}}


def test_before_the_first_run_there_are_none(tmp_path: Path) -> None:
    assert DvcLockDataset(str(tmp_path / "dvc.lock")).load() == {}


@pytest.mark.parametrize("text", ["stages: [", "schema: '2.0'", "stages: 3", ""])
def test_a_damaged_lock_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "dvc.lock").write_text(text)
    with pytest.raises(DatasetError, match=r"dvc\.lock is not a lock file of DVC"):
        DvcLockDataset(str(tmp_path / "dvc.lock")).load()
