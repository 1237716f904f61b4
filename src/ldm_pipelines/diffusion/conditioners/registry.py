"""Every kind of conditioner by name."""

import json
from pathlib import Path
from typing import Any

from ldm_pipelines.diffusion.conditioners.class_label import ClassConditioner
from ldm_pipelines.diffusion.conditioners.conditioner import Conditioner, Surroundings
from ldm_pipelines.diffusion.conditioners.inpainting import InpaintingConditioner
from ldm_pipelines.diffusion.conditioners.layout import LayoutConditioner
from ldm_pipelines.diffusion.conditioners.low_res import LowResConditioner
from ldm_pipelines.diffusion.conditioners.semantic import SemanticConditioner
from ldm_pipelines.diffusion.conditioners.text import TextConditioner
from ldm_pipelines.diffusion.conditioners.unconditional import Unconditional
from ldm_pipelines.errors import InputError, near_miss

CONDITIONERS: dict[str, type[Conditioner]] = {
    conditioner.kind: conditioner
    for conditioner in (
        Unconditional, ClassConditioner, TextConditioner, LayoutConditioner, SemanticConditioner, LowResConditioner,
        InpaintingConditioner,
    )
}  # fmt: skip


def build_conditioner(spec: Any, surroundings: Surroundings) -> Conditioner:
    """A new conditioner of ``spec.kind``."""
    return CONDITIONERS[spec.kind].build(spec, surroundings)


def load_conditioner(folder: Path) -> Conditioner:
    """The conditioner saved in ``folder``, in evaluation mode.

    Raises:
        InputError: the folder holds no conditioner of a known kind.
    """
    try:
        kind = json.loads((folder / "config.json").read_text())["kind"]
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{folder} is not a conditioner ({error})") from error
    if kind not in CONDITIONERS:
        raise InputError(f"{folder}: unknown conditioner {kind!r}{near_miss(kind, CONDITIONERS)}")
    return CONDITIONERS[kind].load(folder).eval()
