"""Parameters of an evaluation of images that this project did not make."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import field_validator

from ldm_pipelines.evaluation.spec import Distribution
from ldm_pipelines.spec import PositiveInt, Spec

DISTRIBUTION = Distribution(neighbours=3, is_splits=10, kid_subsets=100, kid_subset_size=1000, replicates=100)


class Outside(Spec):
    """What ``kedro run --pipelines=evaluate --params=evaluate.KEY=VALUE`` measures; paths start at the project."""

    images: Path | None = None
    """A folder or a .zip of images, ADM's .npz, or a sample set of this project."""
    reference: Path | None = None
    """The same, or a reference artefact (``data/04_feature/NAME``), or statistics of torch-fidelity, clean-fid or ADM:
    the file, or a folder that holds one such file."""
    network: str | None = None
    """A published network's kind, or the folder of a trained one (``data/06_models/feature_networks/NAME``)."""
    truth: Path | None = None
    """Images that those of ``images`` were meant to become, of the same names: PSNR, SSIM and ``distance`` by pairs."""
    distance: str | None = None
    """A published perceptual distance, or the folder of a trained network, for pairs."""
    output: Path = Path("evaluation.json")
    image_size: PositiveInt | None = None
    """Side that images are brought to with ``resize``, by the code that prepares datasets; None: as they are."""
    resize: Literal["bilinear", "bicubic", "lanczos", "box"] = "bicubic"
    class_folders: bool = False
    """Whether the folder that one of ``images`` lies in is its class."""
    distribution: Distribution = DISTRIBUTION
    """What is not given of it is ``DISTRIBUTION``'s."""

    @field_validator("distribution", mode="before")
    @classmethod
    def _with_defaults(cls, value: Any) -> Any:
        return {**DISTRIBUTION.model_dump(), **value} if isinstance(value, Mapping) else value
