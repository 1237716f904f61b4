"""The machine that times are of."""

import resource
import sys
from typing import Any

import torch

from ldm_pipelines.compute import Compute, device_name

MEBIBYTE = 2**20


def describe_device(compute: Compute) -> dict[str, Any]:
    """Name of the GPU or the processor, PyTorch's threads, the precision of training (samples are drawn in float32)."""
    name = device_name(compute.torch_device())
    return {"name": name, "threads": torch.get_num_threads(), "precision": compute.precision}


def forget_peak(device: str) -> None:
    """Count the peak from here on; the operating system's count of a process cannot be set back."""
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()


def peak_memory(device: str) -> tuple[float, str]:
    """Peak memory in MiB so far, and what it is of."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / MEBIBYTE, "PyTorch's allocations on the GPU while training"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    unit = 1 if sys.platform == "darwin" else 1024
    return peak * unit / MEBIBYTE, "the process's resident set until training ended, libraries included"


def wait(device: str) -> None:
    """Return when the device has done what it was told: a GPU works behind the program's back."""
    if device == "cuda":
        torch.cuda.synchronize()
