"""Sample sets."""

from pathlib import Path
from typing import Any

from ldm_pipelines.compute import Compute
from ldm_pipelines.diffusion.spec import Samples
from ldm_pipelines.pipelines.workspace import workspace_for
from ldm_pipelines.seeding import derive_seed


def draw_samples(samples: Samples, seed: int, ldm: Path, autoencoder: Path, compute: Compute) -> tuple[Any, Path]:
    """A grid of some of the images, and the folder of all."""
    from PIL import Image

    from ldm_pipelines.diffusion.sample import sample

    seed = derive_seed(seed, "sample", samples.name)
    workspace = workspace_for("sample", samples, seed, compute, ldm, autoencoder)
    folder = sample(samples, ldm, autoencoder, seed=seed, workspace=workspace, compute=compute)
    return Image.open(folder / "grid.png").convert("RGB"), folder
