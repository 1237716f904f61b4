"""What the processes of ``ldm_pipelines.launch`` run in tests, and what is seen of them from outside."""

import json
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from ldm_pipelines.compute import Compute
from ldm_pipelines.errors import InputError

FOREVER_S = 600
MARK = "LDM_TEST_MARK"
"""Environment variable by which a test knows the processes that it caused."""


@dataclass(frozen=True)
class Call:
    """One training: ``module:function`` with these arguments."""

    function: str
    arguments: tuple[Any, ...]
    named: dict[str, Any] = field(default_factory=dict)


def rank() -> int:
    return int(os.environ.get("RANK", "0"))


def several(calls: Sequence[Call], pause_s: float = 0.0, *, compute: Compute) -> Path:
    """Trainings one after the other; ``reads-RANK.json`` in each workspace lists the images that were decoded.

    ``pause_s`` makes every step last longer.
    """
    from ldm_pipelines.data.image_store import InPlace
    from ldm_pipelines.training.module import TrainingModule

    image, after_step = InPlace.image, TrainingModule.on_train_batch_end
    reads: list[str] = []

    def noted(self: Any, index: int, rng: Any) -> Any:
        reads.append(" ".join(self._locations[index]))
        return image(self, index, rng)

    def slowly(self: Any, *arguments: Any) -> None:
        time.sleep(pause_s)
        after_step(self, *arguments)

    InPlace.image, TrainingModule.on_train_batch_end = noted, slowly  # type: ignore[method-assign]
    try:
        for call in calls:
            reads.clear()
            module, _, name = call.function.partition(":")
            made = getattr(import_module(module), name)(*call.arguments, compute=compute, **call.named)
            (call.named["workspace"] / f"reads-{rank()}.json").write_text(json.dumps(reads))
    finally:
        InPlace.image, TrainingModule.on_train_batch_end = image, after_step  # type: ignore[method-assign]
    return Path(made)


def refuse(*, compute: Compute) -> Path:
    """The second process finds something wrong, the others would go on."""
    if rank() == 1:
        raise InputError("datasets.x: not there")
    return _wait()


def vanish(*, compute: Compute) -> Path:
    """The second process is killed."""
    if rank() == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return _wait()


def work_for_ever(folder: Path, *, compute: Compute) -> Path:
    (folder / str(rank())).touch()
    return _wait()


def touch_and_sleep(path: Path, seconds: float) -> None:
    path.touch()
    time.sleep(seconds)


def diverge(workspace: Path, *, compute: Compute) -> Path:
    """A real training whose loss is NaN for the second process at step 5."""
    import torch

    from ldm_pipelines.data.share import WHOLE, Share
    from ldm_pipelines.training.fit import fit
    from ldm_pipelines.training.module import TrainingModule

    class Numbers:
        def __len__(self) -> int:
            return 20

        def read(self, indices: Any, rng: Any, share: Share = WHOLE) -> dict[str, torch.Tensor]:
            return {"x": torch.from_numpy(share.take(indices)).float()[:, None]}

    class Line(TrainingModule):
        def __init__(self) -> None:
            super().__init__(seed=1)
            self.layer = torch.nn.Linear(1, 1)

        def training_step(self, batch: dict[str, torch.Tensor], batch_idx: int) -> torch.Tensor:
            loss = self.layer(batch["x"]).square().mean()
            if self.steps_done == 5 and rank() == 1:
                loss = loss * float("nan")
            self.record(len(batch["x"]), train_loss=loss)
            return self.check_finite(loss)

        def configure_optimizers(self) -> Any:
            return torch.optim.Adam(self.parameters(), lr=1e-3)

    fit(Line(), Numbers(), steps=9, batch_size=4, workspace=workspace, compute=compute)
    return workspace


def _wait() -> Path:
    time.sleep(FOREVER_S)
    return Path()


def marked(mark: str) -> list[int]:
    """Processes of this host whose environment has the mark."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            zombie = (entry / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
            if not zombie and f"{MARK}={mark}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
        except OSError:  # it has ended, or is not ours
            continue
    return found


def gone(mark: str, within_s: float) -> bool:
    """Whether no marked process is left before long."""
    deadline = time.monotonic() + within_s
    while marked(mark) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not marked(mark)
