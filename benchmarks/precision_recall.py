"""Precision and recall against torch-fidelity's on the same features.

    python benchmarks/precision_recall.py [--images 10000]

N samples against N reference images at 2048 dimensions, float32, as a feature network gives them. Ours is exact in
float64 and finds density and coverage in the same pass; torch-fidelity computes in the features' float32.
"""

import argparse
import json
import statistics
import time
from pathlib import Path

import torch
from machine import describe
from torch_fidelity.metric_prc import calculate_precision_recall_full

from ldm_pipelines.evaluation.metrics.manifolds import manifolds

RESULTS = Path(__file__).parent / "results/precision_recall.json"
DIMENSIONS, HIDDEN, NEIGHBOURS, ROUNDS, THREADS = 2048, 60, 3, 3, 2


def features(images: int, seed: int, offset: float) -> torch.Tensor:
    """Non-negative and of few degrees of freedom, as Inception's are."""
    mixing = torch.randn(HIDDEN, DIMENSIONS, generator=torch.Generator().manual_seed(0)) / HIDDEN**0.5
    generator = torch.Generator().manual_seed(seed)
    hidden = torch.randn(images, HIDDEN, generator=generator) + offset
    return (0.4 + 0.35 * hidden @ mixing + 0.1 * torch.randn(images, DIMENSIONS, generator=generator)).relu()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--images", type=int, default=10_000)
    images = parser.parse_args().images
    torch.set_num_threads(THREADS)
    samples, reference = features(images, 1, 0.05), features(images, 2, 0.0)
    rounds = []
    for number in range(ROUNDS + 1):
        start = time.perf_counter()
        ours = manifolds(samples, reference, NEIGHBOURS)
        between = time.perf_counter()
        theirs = calculate_precision_recall_full(samples, reference, NEIGHBOURS)
        if number:  # the first is a warm-up
            rounds.append((between - start, time.perf_counter() - between))
    ratios = [a / b for a, b in rounds]
    result = {
        "images": images,
        "dimensions": DIMENSIONS,
        "rounds": ROUNDS,
        "threads": THREADS,
        "ours_s": round(statistics.median(a for a, _ in rounds), 2),
        "torch_fidelity_s": round(statistics.median(b for _, b in rounds), 2),
        "ratio": {of.__name__: round(of(ratios), 3) for of in (min, statistics.median, max)},
        "ours": [ours.precision, ours.recall],
        "torch_fidelity": list(theirs),
        "machine": describe(),
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
