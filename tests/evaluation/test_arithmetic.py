"""Whatever a program allows, networks measure in float32 proper."""

from typing import Any

import numpy as np
import pytest
import torch

from ldm_pipelines.evaluation.batches import in_full_batches, measure
from ldm_pipelines.evaluation.networks.measuring import Outputs


def settings() -> tuple[bool, str]:
    return torch.backends.cudnn.allow_tf32, torch.get_float32_matmul_precision()


class Watching:
    """A network that notes how it is run."""

    name, digest, imagenet = "watching", "", False
    config: dict[str, Any] = {}
    classes: list[str] = []

    def measure(self, pixels: np.ndarray) -> Outputs:
        self.seen = settings()
        return Outputs(torch.zeros(len(pixels), 2), None, None)


def test_tf32_is_off_while_networks_measure_and_as_it_was_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        network = Watching()
        measure(network, np.zeros((3, 4, 4, 3), np.uint8))
        assert network.seen == (False, "highest")
        seen: list[tuple[bool, str]] = []
        in_full_batches(lambda x: seen.append(settings()) or x, torch.zeros(3, 1))  # type: ignore[func-returns-value]
        assert seen == [(False, "highest")]
        with pytest.raises(RuntimeError, match="no features"):
            in_full_batches(failing, torch.zeros(3, 1))
        assert settings() == (True, "medium")
    finally:
        torch.set_float32_matmul_precision(before)


def failing(x: torch.Tensor) -> torch.Tensor:
    raise RuntimeError("no features")
