"""Facts about the machine. They change speed, never the meaning of a result, and are not hashed."""

from pathlib import Path
from typing import Literal

from pydantic import PrivateAttr

from ldm_pipelines.spec import NonNegativeInt, PositiveInt, Spec


class Compute(Spec):
    """What ``conf/base/compute.yml`` and ``conf/local/compute.yml`` say."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    num_threads: NonNegativeInt = 0
    """Threads of PyTorch on the CPU; 0 leaves PyTorch's own choice."""
    num_workers: NonNegativeInt = 0
    """Processes that decode images, while a dataset is prepared and while a model trains."""
    inference_batch_size: PositiveInt = 128
    """Images at once when encoding and sampling. Results do not depend on it."""
    checkpoint_every: PositiveInt = 500
    """Training steps between two saved training states."""
    progress: bool = True
    workspace: Path = Path("data/.workspace")
    """Unfinished work: training states, half-written folders. Not tracked by git or DVC."""
    raw_dir: Path = Path("data/01_raw")
    """Raw datasets lie in ``raw_dir/NAME`` …"""
    dataset_paths: dict[str, Path] = {}
    """… unless they are listed here, by dataset name."""
    weights_dir: Path = Path("data/01_raw/weights")
    """Folder with downloaded pretrained weights (for example ``vgg16-397923af.pth``)."""

    _project: Path = PrivateAttr(default=Path())

    def under(self, root: Path) -> "Compute":
        """The same with every relative path taken from ``root`` (the project's folder)."""
        placed = self.model_copy(
            update={
                "workspace": root / self.workspace,
                "raw_dir": root / self.raw_dir,
                "weights_dir": root / self.weights_dir,
                "dataset_paths": {name: root / path for name, path in self.dataset_paths.items()},
            }
        )
        placed._project = root
        return placed

    @property
    def raw_links(self) -> Path:
        """Where images that are left in place are looked for, as ``NAME``: what lies elsewhere gets a link there."""
        return self._project / "data" / "01_raw"

    def torch_device(self) -> str:
        """``"cuda"`` or ``"cpu"``; ``auto`` takes the GPU where there is one. Also applies ``num_threads``."""
        import torch

        if self.num_threads:
            torch.set_num_threads(self.num_threads)
        if self.device == "auto":
            return "cuda" if torch.cuda.is_available() else "cpu"
        return self.device
