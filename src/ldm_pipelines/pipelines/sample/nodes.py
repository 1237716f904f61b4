"""Sample sets."""

from pathlib import Path
from typing import Any

from ldm_pipelines.compute import Compute
from ldm_pipelines.pipelines.workspace import workspace_for
from ldm_pipelines.sampling.spec import Samples
from ldm_pipelines.seeding import derive_seed


def draw_samples(
    samples: Samples,
    seed: int,
    ldm: Path,
    autoencoder: Path,
    dataset: Path,
    compute: Compute,
    classifier: Path | None = None,
) -> tuple[Any, Path]:
    """A grid of some of the images, and the folder of all."""
    from PIL import Image

    from ldm_pipelines.sampling.sample import sample

    seed = derive_seed(seed, "sample", samples.name)
    inputs = [ldm, autoencoder, dataset, *([classifier] if classifier else [])]
    workspace = workspace_for("sample", samples, seed, compute, *inputs)
    folder = sample(
        samples, ldm, autoencoder, dataset,
        classifier_folder=classifier, seed=seed, workspace=workspace, compute=compute,
    )  # fmt: skip
    return Image.open(folder / "grid.png").convert("RGB"), folder
