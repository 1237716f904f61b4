"""All four metrics of neighbourhoods from one pass, in bounded memory."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ldm_pipelines.evaluation.metrics.manifolds import manifolds

MEASURE = r"""
import json, re, sys
from pathlib import Path
import torch
from ldm_pipelines.evaluation.metrics import neighbours
from ldm_pipelines.evaluation.metrics.manifolds import manifolds

neighbours.CHUNK_ELEMENTS = int(sys.argv[1])
samples, reference = (torch.randn(5000, 32, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
manifolds(samples[:200], reference[:200], 3)  # whatever is loaded at the first call


def kib(name):
    return int(re.search(rf"{name}:\s*(\d+) kB", Path("/proc/self/status").read_text())[1])


Path("/proc/self/clear_refs").write_text("5")  # the peak so far, of imports, is forgotten
before = kib("VmRSS")
found = manifolds(samples, reference, 3)
print(json.dumps({"mib": (kib("VmHWM") - before) / 1024, "precision": found.precision}))
"""


def test_each_metric_is_the_mean_of_what_is_said_of_the_images() -> None:
    rng = np.random.default_rng(0)
    samples, reference = rng.normal(size=(60, 4)) + 0.3, rng.normal(size=(80, 4))
    found = manifolds(samples, reference, 3)
    assert found.precision == found.precise.mean() and len(found.precise) == 60
    assert found.recall == found.recalled.mean() and len(found.recalled) == 80
    assert found.density == found.memberships.sum() / (3 * 60)
    assert found.coverage == found.covered.mean() and len(found.covered) == 80


GIVE_BACK_WHAT_IS_FREED = {"OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": "65536"}
"""Else the C library keeps freed tensors in heaps of its threads, or not, and some 90 MiB more are seen by chance."""


def peak(chunk_elements: int) -> dict[str, float]:
    command = [sys.executable, "-c", MEASURE, str(chunk_elements)]
    environment = os.environ | GIVE_BACK_WHAT_IS_FREED
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    found: dict[str, float] = json.loads(done.stdout)
    return found


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="Linux tells what a process held at most")
def test_memory_is_bounded_by_the_chunk_and_not_by_the_number_of_distances() -> None:
    """All distances of 5000 times 5000 are 95 MiB in float32; a few copies of the chunk's live at a time."""
    few, all_at_once = peak(2**18), peak(2**25)
    assert few["mib"] < 40
    assert all_at_once["mib"] > 95
    assert few["precision"] == all_at_once["precision"]
