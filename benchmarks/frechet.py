"""FID from moments at 2048 dimensions against clean-fid's own function, on the same moments.

    python benchmarks/frechet.py [--dimensions 2048]

Ours takes eigenvalues of a symmetric matrix, clean-fid the square root of a product (SciPy's ``sqrtm``).
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from cleanfid.fid import frechet_distance as cleanfid_distance
from machine import describe
from threadpoolctl import threadpool_limits

from ldm_pipelines.feature_networks.frechet import Gaussian, frechet_distance, gaussian

RESULTS = Path(__file__).parent / "results/frechet.json"
ROUNDS, THREADS = 3, 2


def moments(dimensions: int, seed: int) -> Gaussian:
    """Of more vectors than dimensions, with a spectrum that falls as that of Inception features does."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(2 * dimensions, dimensions)) @ rng.normal(size=(dimensions, dimensions))
    return gaussian(features * np.exp(-np.linspace(0, 3, dimensions)) / dimensions**0.5)


def seconds(call: Callable[[], float]) -> tuple[float, float]:
    start = time.perf_counter()
    value = call()
    return time.perf_counter() - start, float(value)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--dimensions", type=int, default=2048)
    dimensions = parser.parse_args().dimensions
    a, b = moments(dimensions, 0), moments(dimensions, 1)
    rounds = []
    with threadpool_limits(THREADS):
        for _ in range(ROUNDS):
            ours, value = seconds(lambda: frechet_distance(a, b))
            theirs, expected = seconds(lambda: cleanfid_distance(a.mean, a.covariance, b.mean, b.covariance))
            rounds.append((ours, theirs))
    ratios = [theirs / ours for ours, theirs in rounds]
    result = {
        "dimensions": dimensions,
        "rounds": ROUNDS,
        "threads": THREADS,
        "ours_s": round(statistics.median(ours for ours, _ in rounds), 2),
        "clean_fid_s": round(statistics.median(theirs for _, theirs in rounds), 2),
        "times_faster": {of.__name__: round(of(ratios), 2) for of in (min, statistics.median, max)},
        "relative_difference": abs(value / expected - 1),
        "machine": describe(),
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
