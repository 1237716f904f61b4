"""Batched reads of the latent cache against NumPy's own on one memory-mapped array.

    python benchmarks/cache_read.py

Both return torch tensors of the same random batches. Ours also finds the shard and the labels.
"""

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from ldm_pipelines.latents.cache import LatentCache

PROJECT = Path(__file__).parents[1]
sys.path.insert(0, str(PROJECT / "tests"))

from machine import describe  # noqa: E402
from support.latent_caches import write_cache  # noqa: E402

COUNT, BATCH, BATCHES, ROUNDS = 20_000, 256, 200, 7
LAYOUTS = {
    "one shard, f4 of 32 px (6x8x8)": (3, 8, 8, 32_768),
    "five shards, f8 of 256 px (8x32x32)": (4, 32, 32, 4096),
}


def seconds(read: Callable[[np.ndarray], object], batches: list[np.ndarray]) -> float:
    start = time.perf_counter()
    for indices in batches:
        read(indices)
    return time.perf_counter() - start


def measure(folder: Path, channels: int, height: int, width: int, shard_size: int) -> dict[str, object]:
    moments = write_cache(folder / "cache", count=COUNT, shape=(channels, height, width), shard_size=shard_size)
    np.save(folder / "raw.npy", moments)
    del moments
    split = LatentCache(folder / "cache").split("train")
    raw = np.load(folder / "raw.npy", mmap_mode="r")
    rng = np.random.default_rng(0)
    batches = [rng.integers(0, len(split), BATCH) for _ in range(BATCHES)]
    ratios, rates = [], []
    for number in range(ROUNDS + 1):
        ours = seconds(lambda i: split.read(i, None), batches)
        theirs = seconds(lambda i: torch.from_numpy(np.asarray(raw[i])), batches)
        if number:
            ratios.append(ours / theirs)
            rates.append(BATCH * BATCHES / ours)
    return {
        "latents_per_second": round(statistics.median(rates)),
        "ratio": {
            "min": round(min(ratios), 3),
            "median": round(statistics.median(ratios), 3),
            "max": round(max(ratios), 3),
        },
    }


def main() -> None:
    torch.set_num_threads(1)
    layouts = {}
    for name, shape in LAYOUTS.items():
        with tempfile.TemporaryDirectory() as folder:
            layouts[name] = measure(Path(folder), *shape)
    result = {"batch": BATCH, "batches": BATCHES, "rounds": ROUNDS, "layouts": layouts, "machine": describe()}
    path = PROJECT / "benchmarks" / "results" / "cache_read.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
