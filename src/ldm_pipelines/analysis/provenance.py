"""Which model a result of this room is about."""

from pathlib import Path
from typing import Any

from ldm_pipelines.diffusion.model import LatentDiffusionModel
from ldm_pipelines.diffusion.spec import LDM
from ldm_pipelines.digests import digest_folder


def describe_model(ldm: LDM, folder: Path, model: LatentDiffusionModel) -> dict[str, Any]:
    """The model in ``folder``, with what its training was told: batch size and steps."""
    return {
        "name": ldm.name,
        "digest": digest_folder(folder),
        "f": model.info.factor,
        "n_params": sum(p.numel() for p in model.denoiser.parameters()),
        "batch_size": ldm.training.batch_size,
        "training_steps": ldm.training.steps,
    }
