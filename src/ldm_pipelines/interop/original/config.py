"""A configuration file of the original code -> ``Definition``."""

from pathlib import Path

import yaml
from pydantic import ValidationError

from ldm_pipelines.diffusion.conditioning_spec import CONCATENATED, Conditioning
from ldm_pipelines.diffusion.spec import Prediction, Schedule
from ldm_pipelines.errors import InputError
from ldm_pipelines.interop.original.conditioning import read_conditioning
from ldm_pipelines.interop.original.first_stage import KL, VQ, read_first_stage
from ldm_pipelines.interop.original.options import Options, target
from ldm_pipelines.interop.original.unet import OriginalUNet, read_unet
from ldm_pipelines.interop.spec import Definition

TRAINING = (
    "base_learning_rate", "log_every_t", "loss_type", "monitor", "first_stage_key", "use_ema", "scheduler_config",
    "ckpt_path", "ignore_keys", "load_only_unet", "l_simple_weight", "original_elbo_weight", "v_posterior",
    "logvar_init", "num_timesteps_cond", "channels", "clip_denoised", "cosine_s",
)  # fmt: skip
"""Options of ``LatentDiffusion`` that change its training or its logs only."""


def read_config(path: Path, conditioning: Conditioning | None = None) -> Definition:
    """The ``model`` of an original configuration; ``data`` and ``lightning`` are not looked at.

    ``conditioning`` says what the file leaves open; see ``read_conditioning``.

    Raises:
        InputError: no YAML, no such model, or options without a counterpart here.
    """
    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{path} is not a readable configuration ({error})") from error
    if not isinstance(content, dict) or "model" not in content:
        raise InputError(f"{path} is not an original configuration: it has no 'model'")
    model = Options(content["model"], f"{path.name}: model")
    kind = target(model)
    try:
        if kind in (*KL, *VQ):
            return _first_stage_alone(model)
        if kind != "LatentDiffusion":
            raise InputError(f"{model.where}.target: {kind} cannot be imported; LatentDiffusion or a first stage can")
        return _latent_diffusion(model.group("params"), conditioning)
    except (ValidationError, TypeError, ValueError) as error:
        raise InputError(f"{path.name}: not a model that can be imported: {error}") from error


def _first_stage_alone(model: Options) -> Definition:
    first_stage = read_first_stage(model)
    resolution = int(model.group("params").group("ddconfig").required("resolution"))
    factor = 1 if first_stage == "identity" else first_stage.factor
    return Definition(first_stage=first_stage, latent_size=resolution // factor)


def _latent_diffusion(params: Options, supplied: Conditioning | None) -> Definition:
    """``LatentDiffusion`` (``ldm/models/diffusion/ddpm.py``). Its "linear" is linear in sqrt(beta), as ours is."""
    params.only("beta_schedule", "linear")
    params.only("given_betas", None)
    params.only("use_positional_encodings", False)
    params.only("learn_logvar", False)
    params.ignore(*TRAINING)
    first_stage = read_first_stage(params.group("first_stage_config"))
    unet_config = params.group("unet_config")
    if target(unet_config) != "UNetModel":
        raise InputError(f"{unet_config.where}.target: {target(unet_config)} cannot be imported; UNetModel can")
    unet = read_unet(unet_config.group("params"))
    factor = 1 if first_stage == "identity" else first_stage.factor
    conditioning, classes = read_conditioning(params, factor, supplied)
    scale_factor = None if params.get("scale_by_std", False) else float(params.get("scale_factor", 1.0))
    definition = Definition(
        first_stage=first_stage,
        latent_size=int(params.required("image_size")),
        denoiser=unet.denoiser,
        conditioning=conditioning,
        condition_classes=classes,
        schedule=Schedule(
            timesteps=int(params.get("timesteps", 1000)),
            beta_start=float(params.get("linear_start", 1e-4)),
            beta_end=float(params.get("linear_end", 2e-2)),
            prediction=_prediction(params),
        ),
        scale_factor=scale_factor,
    )
    params.ignore("scale_factor")
    params.finish()
    _check(definition, unet, params.where)
    return definition


def _prediction(params: Options) -> Prediction:
    params.only("parameterization", "eps", "x0")
    return "sample" if params.get("parameterization", "eps") == "x0" else "epsilon"


def _check(definition: Definition, unet: OriginalUNet, where: str) -> None:
    """The UNet's inputs and outputs are those of first stage and conditioner."""
    conditioning, latent = definition.conditioning, definition.latent_channels
    if unet.out_channels != latent:
        raise InputError(
            f"{where}: the UNet has {unet.out_channels} output channels, the first stage's latents {latent}"
        )
    dim = _token_dim(conditioning)
    if unet.context_dim != dim:
        raise InputError(f"{where}: the UNet's context_dim is {unet.context_dim}, the conditioner's tokens have {dim}")
    extra = unet.in_channels - latent
    if (extra > 0) != (conditioning.kind in CONCATENATED):
        raise InputError(
            f"{where}: the UNet has {extra} channels beside the latent, conditioning is {conditioning.kind}"
        )


def _token_dim(conditioning: Conditioning) -> int:
    if conditioning.kind == "class":
        return conditioning.dim
    if conditioning.kind == "text" or conditioning.kind == "layout":
        return conditioning.encoder.dim
    return 0
