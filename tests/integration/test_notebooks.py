"""The notebooks run on the smoke study. The one on exports runs where such models are: in test_tasks."""

import json
from pathlib import Path

import pytest
from support.clone import Clone
from support.notebooks import NOTEBOOKS, execute

integration = [pytest.mark.integration, pytest.mark.xdist_group("integration")]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_short_and_stored_without_outputs(notebook: Path) -> None:
    cells = json.loads(notebook.read_text())["cells"]
    assert 4 <= len(cells) < 20
    assert cells[0]["cell_type"] == "markdown"
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert [cell["outputs"] for cell in code] == [[]] * len(code)
    assert {cell["execution_count"] for cell in code} == {None}


def test_there_are_four_notebooks() -> None:
    assert [path.stem for path in NOTEBOOKS] == [
        "01_data_latents_reconstructions", "02_compare_runs", "03_change_one_thing", "04_diffusers"
    ]  # fmt: skip


class TestExecution:
    pytestmark = integration

    def test_data_latents_and_reconstructions_are_shown(self, smoke: Clone) -> None:
        shown = execute(smoke, "01_data_latents_reconstructions.ipynb")
        assert shown[0] == "study smoke: digits_class on latents of digits_kl_f4, images of digits\n"
        assert shown.count("<picture>") == 6

    def test_runs_are_compared_in_a_table_and_plots(self, smoke: Clone) -> None:
        shown = execute(smoke, "02_compare_runs.ipynb")
        (table,) = (text for text in shown if "guidance_scale" in text)
        for column in ("fid", "precision", "recall", "digits_class_guided"):
            assert column in table
        assert shown.count("<picture>") == 3

    def test_one_thing_is_changed_and_the_working_tree_stays(self, smoke: Clone) -> None:
        state = ("git", "status", "--porcelain", "params.yaml", "dvc.lock", "data")
        before = smoke.run(*state).stdout  # other tests leave records of theirs
        try:
            shown = "\n".join(execute(smoke, "03_change_one_thing.ipynb"))
            assert "LDM-4-G" in shown
            assert "tage 'sample@digits_class_guided'" in shown  # runs, or comes from DVC's run cache
            assert "tage 'train_" not in shown
            assert "samples.digits_class_guided.guidance_scale=3.0" in shown
            assert smoke.run(*state).stdout == before
        finally:
            smoke.run("dvc", "exp", "remove", "another-guidance-scale", check=False)
