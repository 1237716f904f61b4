"""Sample sets made without a model."""

from pathlib import Path
from typing import Any

from ldm_pipelines.compute import Compute
from ldm_pipelines.diffusion.conditioning_spec import InpaintingConditioning, LowResConditioning
from ldm_pipelines.diffusion.spec import LDM
from ldm_pipelines.digests import digest_parameters
from ldm_pipelines.errors import InputError
from ldm_pipelines.pipelines.workspace import workspace_for
from ldm_pipelines.sampling.spec import Baseline
from ldm_pipelines.seeding import derive_seed


def restore_without_model(baseline: Baseline, ldm: LDM, dataset: Path, compute: Compute) -> tuple[Any, Path]:
    """A grid of some of the images, and the folder of all. Of the model's parameters, the conditioning alone counts."""
    from PIL import Image

    from ldm_pipelines.sampling.baselines import make_baseline

    conditioning = ldm.conditioning
    if not isinstance(conditioning, LowResConditioning | InpaintingConditioning):
        raise InputError(
            f"baselines.{baseline.name}: {ldm.name!r} has {conditioning.kind} conditioning; low_res or inpainting"
        )
    # nothing is drawn, so where the seed is in other workspaces' keys the conditioning is in this one's
    workspace = workspace_for("baseline", baseline, derive_seed(0, digest_parameters(conditioning)), compute, dataset)
    folder = make_baseline(baseline, conditioning, dataset, workspace=workspace, compute=compute)
    return Image.open(folder / "grid.png").convert("RGB"), folder
