"""Facts about the machine. They change speed, never the meaning of a result, and are not hashed."""

import platform
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, PrivateAttr

from ldm_pipelines.spec import NonNegativeInt, PositiveFloat, PositiveInt, Spec

Url = Annotated[str, Field(pattern=r"^[a-z][a-z0-9+.-]*://.")]


class Compute(Spec):
    """What ``conf/local/compute.yml`` may say, and what holds where it does not."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    devices: PositiveInt = 1
    """GPUs of this host that train a model together, and that encode a dataset's latents side by side: one process
    each. On the CPU: so many processes. Batch sizes are those of all together, so this must divide them."""
    num_threads: NonNegativeInt = 1
    """Threads of PyTorch and of NumPy's linear algebra on the CPU; 0 leaves their own choice. The miniature models gain
    nothing from more."""
    num_workers: NonNegativeInt = 0
    """Processes that decode images, while a dataset is prepared and while a model trains: for each device."""
    inference_batch_size: PositiveInt = 128
    """Images at once when encoding and sampling. Results do not depend on it."""
    checkpoint_every: PositiveInt = 250
    """Training steps between two saved training states."""
    progress: bool = True
    workspace: Path = Path("data/.workspace")
    """Unfinished work: training states, half-written folders. Not tracked by git or DVC."""
    raw_dir: Path = Path("data/01_raw")
    """Raw datasets lie in ``raw_dir/NAME`` …"""
    dataset_paths: dict[str, Url | Path] = {}
    """… unless they are listed here, by dataset name: a folder, or an fsspec URL of a folder of WebDataset shards."""
    fetched_gib: PositiveFloat = 100
    """About so many GiB of the shards of each dataset behind a URL are kept on disk (``workspace/fetched/NAME``)."""
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
                "dataset_paths": {
                    name: place if isinstance(place, str) else root / place
                    for name, place in self.dataset_paths.items()
                },
            }
        )
        placed._project = root
        return placed

    def raw(self, name: str, default: str = "") -> Path | str:
        """Where the raw files of ``name`` lie: ``raw_dir/DEFAULT`` (``default`` empty: ``raw_dir/NAME``), or as
        ``dataset_paths`` says."""
        return self.dataset_paths.get(name, self.raw_dir / (default or name))

    @property
    def raw_links(self) -> Path:
        """Where raw files are read and where DVC watches them, as ``NAME``: what lies elsewhere gets a link there."""
        return self._project / "data" / "01_raw"

    def torch_device(self) -> str:
        """``device_kind``; also applies ``num_threads``."""
        import torch
        from threadpoolctl import threadpool_limits

        if self.num_threads:
            torch.set_num_threads(self.num_threads)
            # two stages side by side with two BLAS threads each take many times as long for an eigendecomposition
            threadpool_limits(self.num_threads, user_api="blas")
        return self.device_kind()

    def device_kind(self) -> str:
        """``"cuda"`` or ``"cpu"``; ``auto`` takes the GPU where there is one."""
        if self.device != "auto":
            return self.device
        import torch

        return "cuda" if torch.cuda.is_available() else "cpu"


def device_name(kind: str) -> str:
    """Of the GPU or the processor."""
    if kind == "cuda":
        import torch

        return str(torch.cuda.get_device_name())
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())
