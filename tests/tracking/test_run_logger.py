"""Lightning writes to the run of the node it trains in."""

import pytest
import pytorch_lightning as pl
import torch
from kedro.pipeline import node
from torch.utils.data import DataLoader

from ldm_pipelines.tracking.logger import active_logger


class Line(pl.LightningModule):
    """A weight that follows a constant; ``train_loss`` at step n is known in closed form."""

    def __init__(self):
        super().__init__()
        self.save_hyperparameters({"not": "the hook's parameters"})
        self.weight = torch.nn.Parameter(torch.tensor(1.0))

    def training_step(self, batch, _):
        self.log("train_loss", self.weight)
        return self.weight

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.125)


@pytest.fixture
def fit(tmp_path):
    """Train for five steps, logging each."""

    def fit(logger):
        torch.set_num_threads(1)
        trainer = pl.Trainer(
            accelerator="cpu",
            max_steps=5,
            log_every_n_steps=1,
            logger=logger or False,
            default_root_dir=tmp_path,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(Line(), DataLoader(torch.zeros(5), batch_size=1))

    return fit


def history(project, run, name):
    return [(point.step, point.value) for point in project.client.get_metric_history(run.info.run_id, name)]


LOSSES = [(0, 1.0), (1, 0.875), (2, 0.75), (3, 0.625), (4, 0.5)]


def test_training_shares_the_node_s_run_and_leaves_it_open(project, fit):
    during = []

    def train():
        fit(active_logger())
        during.extend(project.runs())
        return {"metrics": {"fid": 9.0}}

    project.run(node(train, None, "result", name="train_diffusion.unet"))
    assert [run.info.status for run in during] == ["RUNNING"]
    (run,) = project.runs()
    assert run.info.run_id == during[0].info.run_id
    assert run.info.status == "FINISHED"
    assert history(project, run, "train_loss") == LOSSES
    assert history(project, during[0], "fid") == [(4, 9.0)]
    assert run.data.metrics.keys() == {"train_loss", "fid"}
    assert run.data.params == {"study": "small", "entity": "unet"}


def test_curves_add_only_what_was_not_seen_live(project, fit, tmp_path):
    """A resumed training reports the later steps; the artefact has them all."""
    (tmp_path / "artefact").mkdir()
    (tmp_path / "artefact/curves.csv").write_text("step,train_loss\n-2,3\n-1,2\n0,-7\n4,-7\n")

    def train():
        fit(active_logger())
        return tmp_path / "artefact"

    project.run(node(train, None, "ldm", name="train_diffusion.unet"))
    (run,) = project.runs()
    assert sorted(history(project, run, "train_loss")) == [(-2, 3.0), (-1, 2.0), *LOSSES]


def test_what_was_logged_before_a_failure_is_kept(project, fit):
    def train():
        fit(active_logger())
        raise FloatingPointError("loss is NaN")

    with pytest.raises(FloatingPointError):
        project.run(node(train, None, "ldm", name="train_diffusion.unet"))
    (run,) = project.runs()
    assert (run.info.status, history(project, run, "train_loss")) == ("FAILED", LOSSES)


def test_outside_a_tracked_node_there_is_no_logger(project, fit):
    assert active_logger() is None
    project.run(node(lambda: fit(active_logger()) or 1, None, "x", name="elsewhere.unet"))
    assert project.runs() == []
