"""Fixtures of the original code: oracles, and a complete checkpoint as its authors would have written it."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import torch
import yaml
from safetensors.torch import load_file

FIXTURES = Path(__file__).parents[1] / "fixtures" / "compvis"
FIRST_STAGES = {"VQModel": "VQModelInterface", "AutoencoderKL": "AutoencoderKL"}
"""A first stage's class: the class under which complete models hold it."""


class Oracle(NamedTuple):
    """A module of the original code: weights under its names, inputs, results, and what it was built with."""

    state: dict[str, torch.Tensor]
    inputs: dict[str, torch.Tensor]
    results: dict[str, torch.Tensor]
    about: dict[str, Any]

    @property
    def arguments(self) -> dict[str, Any]:
        return self.about["arguments"]


def load_oracle(name: str) -> Oracle:
    tensors = load_file(FIXTURES / f"{name}.safetensors")

    def group(prefix: str) -> dict[str, torch.Tensor]:
        return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}

    state = {key: value.float() if value.is_floating_point() else value for key, value in group("state.").items()}
    return Oracle(state, group("in."), group("out."), json.loads((FIXTURES / f"{name}.json").read_text()))


def tiny_config() -> dict[str, Any]:
    """The original configuration of ``ldm_checkpoint_tiny``, as its authors would write it."""
    arguments = load_oracle("ldm_checkpoint_tiny").arguments

    def instantiated(group: dict[str, Any], module: str) -> dict[str, Any]:
        return {"target": f"{module}.{group['original_class']}", "params": group["params"]}

    first_stage = instantiated(arguments["first_stage_config"], "ldm.models.autoencoder")
    first_stage["params"] |= {"lossconfig": {"target": "torch.nn.Identity"}}
    params = arguments | {
        "unet_config": instantiated(arguments["unet_config"], "ldm.modules.diffusionmodules.openaimodel"),
        "first_stage_config": first_stage,
        "cond_stage_config": instantiated(arguments["cond_stage_config"], "ldm.modules.encoders.modules"),
        "monitor": "val/loss_simple_ema",
    }
    return {
        "model": {"base_learning_rate": 2e-6, "target": "ldm.models.diffusion.ddpm.LatentDiffusion", "params": params}
    }


class Checkpoint(NamedTuple):
    """A checkpoint and its configuration on disk, and what they hold."""

    path: Path
    config: dict[str, Any]
    oracle: Oracle

    def rewrite(self) -> None:
        """Write the files again, after a change."""
        torch.save({"state_dict": self.oracle.state, "global_step": 7}, self.path)
        self.path.with_suffix(".yaml").write_text(yaml.safe_dump(self.config))


def complete_checkpoint(
    folder: Path, unet: str, first_stage: str, cond_stage: Any, cond_state: dict[str, torch.Tensor] | None = None
) -> Checkpoint:
    """A checkpoint put together from the oracles of a UNet and a first stage (of factor 2), and a conditioner."""
    denoiser, autoencoder = load_oracle(unet), load_oracle(first_stage)
    groups = {
        "model.diffusion_model.": denoiser.state,
        "first_stage_model.": autoencoder.state,
        "cond_stage_model.": cond_state or {},
    }
    state = {prefix + name: value for prefix, group in groups.items() for name, value in group.items()}
    concatenated = denoiser.arguments["in_channels"] != denoiser.arguments["out_channels"]
    params = {
        "linear_start": 0.0015,
        "linear_end": 0.0195,
        "image_size": 8,
        "conditioning_key": "concat" if concatenated else "crossattn",
        "unet_config": {"target": "openaimodel.UNetModel", "params": denoiser.arguments},
        "first_stage_config": {
            "target": f"autoencoder.{autoencoder.about['original_class']}",
            "params": autoencoder.arguments,
        },
        "cond_stage_config": cond_stage,
    }
    config = {"model": {"target": "ddpm.LatentDiffusion", "params": params}}
    found = Checkpoint(folder / "whole.ckpt", config, denoiser._replace(state=state))
    found.rewrite()
    return found


def released_config(released: Any, prefixes: dict[str, Any], name: str) -> dict[str, Any]:
    """A complete configuration of a released model, put together from the facts in the fixtures."""
    about = prefixes["checkpoints"][name]
    first_stage, arguments, _ = released("autoencoder")[about["first_stage_architecture"]]
    unet = released("unet")[name][1]
    concatenated = unet["in_channels"] != unet["out_channels"]
    params = {
        "linear_start": about["linear_start"],
        "linear_end": about["linear_end"],
        "image_size": unet["image_size"],
        "channels": unet["out_channels"],
        "conditioning_key": "concat" if concatenated else "crossattn",
        "unet_config": {"target": "ldm.modules.diffusionmodules.openaimodel.UNetModel", "params": unet},
        "first_stage_config": {"target": f"ldm.models.autoencoder.{FIRST_STAGES[first_stage]}", "params": arguments},
        "cond_stage_config": _cond_stage(released, about["cond_stage"], name),
    }
    if about["scale_factor_is_buffer"]:
        params["scale_by_std"] = True
    else:
        params["scale_factor"] = about["scale_factor"]
    return {"model": {"target": "ldm.models.diffusion.ddpm.LatentDiffusion", "params": params}}


def _cond_stage(released: Any, kind: str | None, name: str) -> Any:
    if kind is None:
        return "__is_unconditional__"
    if kind == "first_stage":
        return "__is_first_stage__"
    if kind == "Identity":
        return {"target": "torch.nn.Identity"}
    component = {
        "ClassEmbedder": "class_embedder",
        "SpatialRescaler": "spatial_rescaler",
        "BERTEmbedder": "transformer",
    }
    arguments = dict(released(component[kind])[name][1])
    if kind == "BERTEmbedder" and "layout" not in name:
        arguments.pop("use_tokenizer")  # the fixtures were given tokens; the released text models tokenise
    return {"target": f"ldm.modules.encoders.modules.{kind}", "params": arguments}
