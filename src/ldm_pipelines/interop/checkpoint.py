"""Original checkpoints: files to tensors, and a state dict to its components."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

import torch
from safetensors.torch import load_file
from torch import Tensor

from ldm_pipelines.errors import InputError

State = dict[str, Tensor]

UNET = "model.diffusion_model."
FIRST_STAGE = "first_stage_model."
COND_STAGE = "cond_stage_model."
EMA = "model_ema."
EMA_STATE = ("model_ema.decay", "model_ema.num_updates")
SCHEDULE = (
    "betas", "alphas_cumprod", "alphas_cumprod_prev", "sqrt_alphas_cumprod", "sqrt_one_minus_alphas_cumprod",
    "log_one_minus_alphas_cumprod", "sqrt_recip_alphas_cumprod", "sqrt_recipm1_alphas_cumprod", "posterior_variance",
    "posterior_log_variance_clipped", "posterior_mean_coef1", "posterior_mean_coef2",
)  # fmt: skip
INERT = ("pytorch_lightning.callbacks.", "numpy.")
"""Files of old Lightning versions have states of callbacks: classes of these modules as keys, NumPy scalars as values.
They are read as empty stand-ins: nothing of the original is imported or called."""
SHOWN = 12


@dataclass
class Components:
    """The parts of a checkpoint; names are relative to each part's module."""

    unet: State = field(default_factory=dict)
    first_stage: State = field(default_factory=dict)
    cond_stage: State = field(default_factory=dict)
    betas: Tensor | None = None
    scale_factor: float | None = None
    """Only stored where the model was trained with scale_by_std."""
    averaged: bool = False
    """Whether ``unet`` (or, in a first-stage checkpoint, ``first_stage``) are the averaged weights."""
    unused: dict[str, int] = field(default_factory=dict)
    """Entries that are known and left out on purpose: name or prefix, and how many."""


def read_checkpoint(path: Path) -> State:
    """The state dict of a ``.safetensors`` file, or of anything ``torch.save`` wrote; nothing in it is executed.

    A PyTorch file is read with ``weights_only=True``: tensors, numbers, names and containers.

    Raises:
        InputError: there is no such file, it is damaged, holds no tensors, or holds objects that would run code.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such checkpoint file")
    try:
        content: Any = load_file(path) if path.suffix == ".safetensors" else _load_pickled(path)
    except InputError:
        raise
    except Exception as error:  # damaged bytes make the readers raise whatever comes
        reason = (str(error).splitlines() or [""])[0]
        raise InputError(f"{path} is not a readable checkpoint ({type(error).__name__}: {reason})") from error
    state = content.get("state_dict", content) if isinstance(content, dict) else None
    tensors = {} if state is None else {name: value for name, value in state.items() if isinstance(value, Tensor)}
    if not tensors:
        raise InputError(f"{path} holds no tensors, neither at its top level nor under 'state_dict'")
    return tensors


def _load_pickled(path: Path) -> Any:
    unknown = _foreign_objects(path)
    refused = [name for name in unknown if not name.startswith(INERT)]
    if refused:
        raise InputError(
            f"{path} holds Python objects besides tensors ({', '.join(sorted(refused)[:SHOWN])}); unpickling them "
            "could run any code, so the file is refused. If you trust its origin, save its 'state_dict' as safetensors"
        )
    stand_ins: list[Any] = [(type("Inert", (_Inert,), {}), name) for name in unknown]
    with torch.serialization.safe_globals(stand_ins):
        return torch.load(path, map_location="cpu", weights_only=True, mmap=is_zipfile(path))


def _foreign_objects(path: Path) -> list[str]:
    try:
        return torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except ValueError:  # written before PyTorch 1.6: the loader alone judges it
        return []


class _Inert:
    """Takes the place of an object that is not needed."""

    def __init__(self, *args: object) -> None: ...

    def __setstate__(self, state: object) -> None: ...


def split_checkpoint(state: State, *, ema: bool, origin: str) -> Components:
    """The components of a complete model, of a first stage alone, or of a UNet alone.

    ``ema`` takes the averaged weights where the file has them. ``origin`` names the file in messages.

    Raises:
        InputError: nothing known is inside, there are unknown entries, or averaged weights are incomplete.
    """
    if any(name.startswith(UNET) for name in state):
        return _split_model(state, ema, origin)
    if any(name.startswith("encoder.") for name in state):
        return _split_first_stage(state, ema, origin)
    if any(name.startswith("input_blocks.") for name in state):
        return Components(unet=state)
    raise InputError(
        f"{origin} is no latent diffusion checkpoint: it has neither {UNET}* (a complete model) nor encoder.* (a first "
        f"stage) nor input_blocks.* (a UNet); it starts with {', '.join(list(state)[:3])}"
    )


def _split_model(state: State, ema: bool, origin: str) -> Components:
    rest = dict(state)
    parts = Components(
        unet=_pop_prefix(rest, UNET),
        first_stage=_pop_prefix(rest, FIRST_STAGE),
        cond_stage=_pop_prefix(rest, COND_STAGE),
    )
    for name in SCHEDULE:
        if name in rest:
            table = rest.pop(name)
            parts.unused[name] = 1
            parts.betas = table if name == "betas" else parts.betas
    if "scale_factor" in rest:
        parts.scale_factor = float(rest.pop("scale_factor"))
    _take_averaged(parts, "unet", rest, "diffusion_model.", UNET, ema, origin)
    _refuse(rest, origin, "entries of no known part")
    return parts


def _split_first_stage(state: State, ema: bool, origin: str) -> Components:
    rest = dict(state)
    loss = _pop_prefix(rest, "loss.")
    averaged_loss = _pop_prefix(rest, f"{EMA}loss")
    parts = Components()
    if loss:
        parts.unused["loss."] = len(loss)
    if averaged_loss:
        parts.unused[f"{EMA}loss"] = len(averaged_loss)
    averages = {name: rest.pop(name) for name in list(rest) if name.startswith(EMA)}
    parts.first_stage = rest
    _take_averaged(parts, "first_stage", averages, "", "", ema, origin)
    _refuse(averages, origin, "averaged weights of no known parameter")
    return parts


def _take_averaged(
    parts: Components, part: str, rest: State, prefix: str, raw_prefix: str, ema: bool, origin: str
) -> None:
    """Pops the averaged weights of ``part`` from ``rest``: their names are the parameters' without dots."""
    for name in EMA_STATE:
        if rest.pop(name, None) is not None:
            parts.unused[name] = 1
    raw: State = getattr(parts, part)
    shadow = {name: EMA + (prefix + name).replace(".", "") for name in raw}
    if len(set(shadow.values())) != len(shadow):
        raise InputError(f"{origin}: two parameters share the name of their averaged weights; import with ema: false")
    found = {name: rest.pop(averaged) for name, averaged in shadow.items() if averaged in rest}
    if not found:
        return
    if not ema:
        parts.unused[EMA] = len(found)
        return
    _refuse([shadow[name] for name in raw if name not in found], origin, "missing averaged weights")
    setattr(parts, part, found)
    parts.averaged = True
    parts.unused[raw_prefix or "raw weights"] = len(raw)


def _pop_prefix(state: State, prefix: str) -> State:
    names = [name for name in state if name.startswith(prefix)]
    return {name.removeprefix(prefix): state.pop(name) for name in names}


def _refuse(names: Iterable[str], origin: str, what: str) -> None:
    listed = list(names)
    if listed:
        raise InputError(f"{origin}: {what}: {first_dozen(listed)}")


def first_dozen(names: list[str]) -> str:
    """The first names and how many there are."""
    more = f" … ({len(names)} in all)" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
