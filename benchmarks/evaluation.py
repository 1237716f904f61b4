"""Everything about one set of images against clean-fid and torch-fidelity, one after the other, with the same network.

    python benchmarks/evaluation.py [--images 200]

N samples against N reference images of 64 x 64 pixels, PNG files. The network is Inception-v3 with random weights:
arithmetic and file formats are those of the published one. Ours: FID with interval, sFID, KID, IS, precision, recall,
density, coverage. clean-fid: FID, KID. torch-fidelity: FID, KID, IS, precision and recall, in one call.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from cleanfid.fid import compute_fid, get_folder_features, kernel_distance
from cleanfid.inception_torchscript import InceptionV3W
from machine import describe
from PIL import Image
from torch_fidelity import calculate_metrics

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from support.published_weights import published, write_inception, write_torchscript

from ldm_pipelines.compute import Compute
from ldm_pipelines.evaluation import distributions
from ldm_pipelines.evaluation.features import extract
from ldm_pipelines.evaluation.images.folder import open_folder
from ldm_pipelines.evaluation.networks.fidelity import InceptionFidelity
from ldm_pipelines.evaluation.outside_spec import DISTRIBUTION
from ldm_pipelines.feature_networks.published_files import INCEPTION_PYTORCH, INCEPTION_TORCHSCRIPT

RESULTS = Path(__file__).parent / "results/evaluation.json"
ROUNDS, THREADS = 3, 2


def write_images(folder: Path, count: int, seed: int) -> Path:
    """Smooth colour fields with some noise."""
    folder.mkdir()
    rng = np.random.default_rng(seed)
    for number in range(count):
        coarse = Image.fromarray(rng.integers(0, 256, size=(4, 4, 3), dtype=np.uint8)).resize((64, 64))
        noisy = np.asarray(coarse) + rng.normal(scale=8, size=(64, 64, 3))
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(folder / f"{number:06d}.png")
    return folder


def ours(samples: Path, reference: Path, weights: Path, workspace: Path) -> dict[str, float]:
    compute = Compute(device="cpu", num_threads=THREADS, progress=False)
    compute.torch_device()
    network = InceptionFidelity(weights, "cpu", published(INCEPTION_PYTORCH, weights))
    made, real = (
        extract(network, open_folder(folder), workspace / folder.name, compute=compute, what=folder.name)
        for folder in (samples, reference)
    )
    # 100 replicates cost 100 FIDs at 2048 dimensions each, which neither peer offers
    spec = DISTRIBUTION.model_copy(update={"replicates": 0})
    found = distributions.measure_distances(made, real, spec) | distributions.measure_manifolds(made, real, spec, "cpu")
    return (found | distributions.measure_inception_score(made, network, [], spec)).metrics


def clean_fid(samples: Path, reference: Path, weights: Path) -> dict[str, float]:
    network = InceptionV3W(str(weights), download=False, resize_inside=True).eval()
    common: dict[str, Any] = {"mode": "legacy_tensorflow", "num_workers": 0, "device": "cpu", "verbose": False}
    fid = compute_fid(str(samples), str(reference), custom_feat_extractor=network, use_dataparallel=False, **common)
    one, two = (get_folder_features(str(folder), network, **common) for folder in (samples, reference))
    return {"fid": fid, "kid": kernel_distance(one, two)}


def torch_fidelity(samples: Path, reference: Path, weights: Path) -> dict[str, float]:
    return calculate_metrics(
        input1=str(samples), input2=str(reference), cuda=False, verbose=False, cache=False, isc=True, fid=True,
        kid=True, prc=True, kid_subset_size=min(1000, len(list(samples.iterdir()))),
        feature_extractor="inception-v3-compat", feature_extractor_weights_path=str(weights / INCEPTION_PYTORCH.name),
        feature_layer_prc="2048",
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--images", type=int, default=200)
    count = parser.parse_args().images
    torch.set_num_threads(THREADS)
    rounds: list[list[float]] = []
    with tempfile.TemporaryDirectory() as temporary, torch.inference_mode():
        root = Path(temporary)
        write_inception(root / INCEPTION_PYTORCH.name)
        write_torchscript(root / INCEPTION_TORCHSCRIPT.name, root / INCEPTION_PYTORCH.name)
        samples, reference = (write_images(root / name, count, seed) for seed, name in enumerate(("made", "real")))
        for _ in range(ROUNDS):
            times, found = [], []
            for call in (
                lambda: ours(samples, reference, root, root / "work"),
                lambda: clean_fid(samples, reference, root),
                lambda: torch_fidelity(samples, reference, root),
            ):
                start = time.perf_counter()
                found.append(call())
                times.append(time.perf_counter() - start)
            rounds.append(times)
    ratios = [(theirs + others) / mine for mine, theirs, others in rounds]
    result = {
        "images": count,
        "rounds": ROUNDS,
        "threads": THREADS,
        "ours_s": round(statistics.median(times[0] for times in rounds), 2),
        "clean_fid_s": round(statistics.median(times[1] for times in rounds), 2),
        "torch_fidelity_s": round(statistics.median(times[2] for times in rounds), 2),
        "times_faster_than_both": {of.__name__: round(of(ratios), 2) for of in (min, statistics.median, max)},
        "fid": {
            "ours": found[0]["fid"],
            "clean_fid": float(found[1]["fid"]),
            "torch_fidelity": found[2]["frechet_inception_distance"],
        },
        "machine": describe(),
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
