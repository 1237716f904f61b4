"""From an original checkpoint to our artefacts."""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ldm_pipelines.autoencoders.first_stage import FirstStage
from ldm_pipelines.autoencoders.spec import Architecture
from ldm_pipelines.diffusion.conditioners.class_label import ClassConditioner
from ldm_pipelines.diffusion.conditioning_spec import Conditioning
from ldm_pipelines.diffusion.denoiser import build_denoiser
from ldm_pipelines.diffusion.model import LatentDiffusionModel, ModelInfo
from ldm_pipelines.diffusion.schedule import ddim_scheduler
from ldm_pipelines.diffusion.spec import Schedule
from ldm_pipelines.digests import digest_file, digest_folder
from ldm_pipelines.errors import InputError
from ldm_pipelines.interop.checkpoint import Components, read_checkpoint, split_checkpoint
from ldm_pipelines.interop.conditioner import import_conditioner
from ldm_pipelines.interop.convert import load_original, on_meta
from ldm_pipelines.interop.names.autoencoder import autoencoder_sources
from ldm_pipelines.interop.names.unet import unet_sources
from ldm_pipelines.interop.original.config import read_config
from ldm_pipelines.interop.spec import Definition

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Imported:
    """Folders of the artefacts."""

    autoencoder: Path
    ldm: Path | None
    """None: the checkpoint was a first stage alone."""


def import_checkpoint(
    checkpoint: Path,
    folder: Path,
    *,
    name: str | None = None,
    config: Path | None = None,
    definition: Definition | None = None,
    conditioning: Conditioning | None = None,
    first_stage: Path | None = None,
    ema: bool = True,
    classes: Sequence[str] = (),
    null_class: bool | None = None,
    dataset: str | None = None,
    sha256: str | None = None,
) -> Imported:
    """Import an original checkpoint: a complete model, a first stage alone, or a UNet with ``first_stage``'s file.

    Writes ``folder/autoencoders/NAME`` and ``folder/ldms/NAME``, where ``name`` is the file's name by default. The
    architecture is ``definition``, or read from ``config``, by default the ``.yaml`` beside the checkpoint;
    ``conditioning`` then says what that leaves open. ``ema`` takes averaged weights where there are any. ``classes``
    names the classes, ``null_class`` says whether the last one means "no class" (see ``import_conditioner``),
    ``dataset`` is noted in the model, ``sha256`` is what the file must have. The file is never unpickled as code.

    Raises:
        InputError: unreadable files, an architecture we do not have, or weights that do not fit it, listed.
    """
    name = name or checkpoint.stem
    digest = _checked_digest(checkpoint, sha256)
    if definition is None:
        definition = read_config(config or find_config(checkpoint), conditioning)
    parts = split_checkpoint(read_checkpoint(checkpoint), ema=ema, origin=checkpoint.name)
    if first_stage is not None:
        _add_first_stage(parts, first_stage, ema, checkpoint.name)
    if not parts.first_stage and definition.first_stage != "identity":
        raise InputError(f"{checkpoint.name} holds no first stage; give the file of its first stage as well")
    autoencoder = import_first_stage(definition, parts, checkpoint.name)
    ldm = None
    if parts.unet or definition.denoiser is not None:
        ldm = import_model(
            definition, parts, checkpoint.name, name=name, classes=classes, null_class=null_class, dataset=dataset
        )
    record = {
        "checkpoint": checkpoint.name,
        "sha256": digest,
        "weights": "averaged" if parts.averaged else "raw",
        "left_out": parts.unused,
    }
    log.info("%s: %s weights of %s", name, record["weights"], checkpoint.name)
    return _write(autoencoder, ldm, record, folder, name)


def find_config(checkpoint: Path) -> Path:
    """The original configuration beside a checkpoint: of the same name, or ``config.yaml``.

    Raises:
        InputError: there is neither.
    """
    candidates = (checkpoint.with_suffix(".yaml"), checkpoint.with_name("config.yaml"))
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise InputError(
        f"{checkpoint}: its architecture is unknown; put its original configuration beside it as {candidates[0].name} "
        "or config.yaml, or name one of ours with definition"
    )


def import_first_stage(definition: Definition, parts: Components, origin: str) -> FirstStage:
    """The first stage with the weights of ``parts``, in evaluation mode. Raises ``InputError`` where they don't fit."""
    if definition.first_stage == "identity":
        return FirstStage.from_architecture(None, definition.latent_size, origin).eval()
    architecture: Architecture = definition.first_stage
    image_size = definition.latent_size * definition.factor
    first_stage = on_meta(lambda: FirstStage.from_architecture(architecture, image_size, f"{origin}, first stage"))
    load_original(
        first_stage.model, autoencoder_sources(first_stage.model), parts.first_stage, f"{origin}, first stage"
    )
    return first_stage.eval()


def import_model(
    definition: Definition,
    parts: Components,
    origin: str,
    *,
    name: str,
    classes: Sequence[str] = (),
    null_class: bool | None = None,
    dataset: str | None = None,
) -> LatentDiffusionModel:
    """Denoiser, conditioner and schedule with the weights of ``parts``, in evaluation mode.

    Raises:
        InputError: the definition is of a first stage alone, or weights, schedule or scale factor don't fit.
    """
    denoiser_spec, schedule = definition.denoiser, definition.schedule
    if denoiser_spec is None or schedule is None:
        raise InputError(f"{origin} is a complete model, but the given architecture is of a first stage alone")
    if not parts.unet:
        raise InputError(f"{origin} is a first stage alone, but the given architecture is of a complete model")
    _check_schedule(schedule, parts, origin)
    _check_named(definition, name, classes)
    conditioner = import_conditioner(definition, parts, origin, classes, null_class)
    latent_shape = (definition.latent_channels, definition.latent_size, definition.latent_size)
    denoiser = on_meta(
        lambda: build_denoiser(
            denoiser_spec,
            latent_shape,
            context_dim=conditioner.context_dim,
            concat_channels=conditioner.concat_channels,
        )
    )
    load_original(denoiser, unet_sources(denoiser), parts.unet, f"{origin}, UNet")
    info = ModelInfo(
        name=name,
        latent=None,
        latent_shape=latent_shape,
        factor=definition.factor,
        scale_factor=_scale_factor(definition, parts, origin),
        dataset=dataset,
        conditioning=definition.conditioning.model_dump(mode="json"),
        classes=_class_names(conditioner, classes),
        autoencoder=name,
        autoencoder_digest="",  # known when the first stage is written
    )
    return LatentDiffusionModel(info, denoiser.eval(), conditioner, ddim_scheduler(schedule))


def _check_named(definition: Definition, name: str, classes: Sequence[str]) -> None:
    """Boxes and maps are read by class: without names, a dataset of other classes would pass for the model's own."""
    kind = definition.conditioning.kind
    if kind in ("layout", "semantic") and not classes:
        raise InputError(
            f"imports.{name}.classes: a {kind} model needs the names of its classes, in the order it was trained with; "
            "the checkpoint does not hold them"
        )


def _class_names(conditioner: object, classes: Sequence[str]) -> tuple[str, ...]:
    if not isinstance(conditioner, ClassConditioner):
        return ()
    return tuple(classes) or tuple(str(number) for number in range(conditioner.num_classes))


def _add_first_stage(parts: Components, path: Path, ema: bool, origin: str) -> None:
    if parts.first_stage:
        raise InputError(f"{origin} holds a first stage; leave {path.name} out")
    other = split_checkpoint(read_checkpoint(path), ema=ema, origin=path.name)
    if other.unet:
        raise InputError(f"{path.name} is not the checkpoint of a first stage alone")
    parts.first_stage = other.first_stage


def _scale_factor(definition: Definition, parts: Components, origin: str) -> float:
    """The checkpoint's own where it has one: it was measured while training."""
    if parts.scale_factor is not None:
        return parts.scale_factor
    if definition.scale_factor is None:
        raise InputError(f"{origin}: scale_by_std is set, but the checkpoint holds no scale_factor")
    return definition.scale_factor


def _check_schedule(schedule: Schedule, parts: Components, origin: str) -> None:
    if parts.betas is None:
        return
    betas = ddim_scheduler(schedule).betas
    if betas.shape != parts.betas.shape or not torch.allclose(betas, parts.betas.float(), rtol=1e-4, atol=0):
        first, last = (f"{float(parts.betas[index]):.6g}" for index in (0, -1))
        raise InputError(
            f"{origin} was trained with another schedule ({len(parts.betas)} steps, beta from {first} to {last}) than "
            f"its definition says ({schedule.timesteps} steps, beta from {schedule.beta_start} to {schedule.beta_end})"
        )


def _checked_digest(checkpoint: Path, expected: str | None) -> str:
    if not checkpoint.is_file():
        raise InputError(f"{checkpoint}: no such checkpoint file")
    digest = digest_file(checkpoint)
    if expected is not None and digest != expected:
        raise InputError(f"{checkpoint} has sha256 {digest}, not {expected}: damaged, or another file")
    return digest


def _write(
    autoencoder: FirstStage, ldm: LatentDiffusionModel | None, record: dict[str, Any], folder: Path, name: str
) -> Imported:
    autoencoder_folder = _new(folder / "autoencoders" / name, record)
    autoencoder.save(autoencoder_folder)
    if ldm is None:
        return Imported(autoencoder_folder, None)
    ldm_folder = _new(folder / "ldms" / name, record)
    ldm.info = ldm.info.model_copy(update={"autoencoder_digest": digest_folder(autoencoder_folder)})
    ldm.save(ldm_folder)
    return Imported(autoencoder_folder, ldm_folder)


def _new(folder: Path, record: dict[str, Any]) -> Path:
    if folder.exists():
        raise InputError(f"{folder} exists already; remove it, or import under another name")
    folder.mkdir(parents=True)
    (folder / "import.json").write_text(json.dumps(record, indent=2) + "\n")
    return folder
