"""Schedules, trajectories and the class embedder against numbers of the original implementation."""

from functools import partial
from typing import Any

import pytest
import torch

from ldm_pipelines.diffusion import denoiser
from ldm_pipelines.diffusion.conditioners.class_label import ClassConditioner
from ldm_pipelines.diffusion.schedule import ddim_scheduler
from ldm_pipelines.diffusion.spec import Schedule
from ldm_pipelines.errors import InputError
from ldm_pipelines.sampling.ddim_steps import check_ddim_steps
from ldm_pipelines.sampling.guidance import Denoise, classifier_free
from ldm_pipelines.sampling.samplers import ddim_trajectory, plms_trajectory
from ldm_pipelines.sampling.schedulers import build_scheduler
from ldm_pipelines.sampling.spec import PLMS

ENDPOINTS = {"a": (0.0015, 0.0195), "b": (0.00085, 0.012), "c": (0.0015, 0.0155), "d": (0.0015, 0.0205)}


def schedule(name: str) -> Schedule:
    start, end = ENDPOINTS[name]
    return Schedule(timesteps=1000, beta_start=start, beta_end=end)


@pytest.mark.parametrize("name", ENDPOINTS)
def test_schedule_tables(oracle: Any, name: str) -> None:
    tensors, _ = oracle("schedule_tables")
    scheduler = ddim_scheduler(schedule(name))
    torch.testing.assert_close(scheduler.betas, tensors[f"out.{name}.betas"], rtol=1e-6, atol=0)
    torch.testing.assert_close(scheduler.alphas_cumprod, tensors[f"out.{name}.alphas_cumprod"], rtol=2e-6, atol=0)


class OracleModel(torch.nn.Module):
    """The fixtures' noise model; a context of zeros means the unconditional one."""

    def forward(
        self, x: torch.Tensor, t: torch.Tensor, encoder_hidden_states: torch.Tensor, return_dict: bool
    ) -> tuple[torch.Tensor]:
        conditional = 0.3 * torch.sin(x) + 0.8 * (t / 1000) * x
        unconditional = 0.2 * torch.cos(2 * x) + 0.7 * (t / 1000) * x
        return (torch.where(encoder_hidden_states[:, :, :, None] > 0, conditional, unconditional),)


def guided_oracle(tokens: torch.Tensor, scale: float) -> Denoise:
    predict = partial(denoiser.denoise, OracleModel())
    return classifier_free(predict, {"crossattn": tokens}, {"crossattn": 0 * tokens}, scale)


@pytest.mark.parametrize(
    "name",
    ["ddim_s10_eta0", "ddim_s10_eta1", "ddim_s50_eta0", "ddim_s200_eta0", "ddim_s50_eta0_cfg1.5"],
)
@pytest.mark.parametrize("endpoints", ["a", "b"])
def test_ddim_trajectories(oracle: Any, name: str, endpoints: str) -> None:
    tensors, about = oracle(f"{name}_{endpoints}")
    x = tensors["in.x_T"]
    tokens = torch.ones(len(x), 1, 1)
    denoise = guided_oracle(tokens, about["guidance_scale"])
    noise = iter(tensors.get("in.noise", []))
    scheduler = ddim_scheduler(schedule(endpoints))
    scheduler.set_timesteps(about["steps"])
    states = list(ddim_trajectory(denoise, x, scheduler, eta=about["eta"], draw_noise=lambda: next(noise)))
    assert scheduler.timesteps.tolist() == tensors["out.timesteps"].tolist()
    torch.testing.assert_close(torch.stack([x, *states]), tensors["out.x"], rtol=0, atol=1e-5 * about["largest_value"])


@pytest.mark.parametrize("name", ["plms_s50", "plms_s50_cfg1.5"])
@pytest.mark.parametrize("endpoints", ["a", "b"])
def test_plms_trajectories(oracle: Any, name: str, endpoints: str) -> None:
    tensors, about = oracle(f"{name}_{endpoints}")
    x = tensors["in.x_T"]
    tokens = torch.ones(len(x), 1, 1)
    scale = about.get("guidance_scale", 1.0)
    guided = guided_oracle(tokens, scale)
    asked = []

    def denoise(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        asked.append(int(t))
        return guided(x, t)

    scheduler = build_scheduler(PLMS(kind="plms", steps=about["steps"]), ddim_scheduler(schedule(endpoints)))
    scheduler.set_timesteps(about["steps"])
    states = list(plms_trajectory(denoise, x, scheduler))
    visited = tensors["out.timesteps"].tolist()
    assert asked == [*visited[:2], *visited[1:]]  # one evaluation more than steps, for the first
    torch.testing.assert_close(torch.stack([x, *states]), tensors["out.x"], rtol=0, atol=1e-5 * about["largest_value"])


def test_ddim_steps_that_the_original_runs_as_asked_are_those_we_accept(oracle: Any) -> None:
    _, about = oracle("schedule_tables")
    for text, facts in about["ddim_step_counts"].items():
        steps = int(text)
        if steps == facts["steps_run"] and not facts["index_error"] and 1000 % steps == 0:
            check_ddim_steps(steps, 1000)
        else:
            with pytest.raises(InputError):
                check_ddim_steps(steps, 1000)


def test_refused_steps_name_the_nearest_valid_ones() -> None:
    with pytest.raises(InputError, match="nearest valid: 125 and 200"):
        check_ddim_steps(150, 1000)
    with pytest.raises(InputError, match="divide the 1 training time steps; no number is valid"):
        check_ddim_steps(1, 1)


def test_class_embedder(oracle: Any) -> None:
    tensors, _ = oracle("class_embedder")
    conditioner = ClassConditioner(num_classes=10, dim=16)
    conditioner.load_state_dict({"embedding.weight": tensors["state.embedding.weight"]})
    tokens = conditioner({"label": tensors["in.labels"]})["crossattn"]
    torch.testing.assert_close(tokens, tensors["out.embeddings"], rtol=0, atol=1e-6)
