"""Preparing a folder of JPEG files that stay in place, by one and two processes, against a bare loop over the files.

    python benchmarks/prepare.py [--images 100000]

Images are 200 x 150 pixels in 100 folders (classes). The bare loop reads each file, takes its SHA-256 and decodes it
with Pillow; nothing is checked, hashed perceptually or written. The last row makes the data card as well. Memory is the
peak of the largest process, with a tenth of the images and with all of them. Starting processes is included.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

RESULTS = Path(__file__).parent / "results/prepare.json"
FOLDERS = 100
SIZE = (200, 150)
WHAT = {"bare": "bare loop", "1": "1 process", "2": "2 processes", "2card": "2 processes and the data card"}


def write_images(folder: Path, count: int) -> None:
    """Smooth colour fields with texture, different for each number."""
    rng = np.random.default_rng(0)
    texture = rng.normal(scale=12, size=(2 * SIZE[1], 2 * SIZE[0], 3)).astype(np.int16)
    for number in range(count):
        place = folder / f"{number % FOLDERS:03d}"
        place.mkdir(parents=True, exist_ok=True)
        coarse = Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)).resize(SIZE, Image.Resampling.BICUBIC)
        top, left = rng.integers(0, SIZE[1]), rng.integers(0, SIZE[0])
        pixels = np.asarray(coarse, dtype=np.int16) + texture[top : top + SIZE[1], left : left + SIZE[0]]
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(place / f"{number:06d}.jpg", quality=85)


def bare(folder: Path) -> None:
    for file in sorted(folder.rglob("*.jpg")):
        encoded = file.read_bytes()
        sha256(encoded).hexdigest()
        Image.open(BytesIO(encoded)).load()


def ours(folder: Path, processes: int, card: bool) -> None:
    from ldm_pipelines.preparation.prepare import make_card, prepare
    from ldm_pipelines.preparation.spec import Dataset

    dataset = Dataset.model_validate({
        "name": "many", "source": {"kind": "image_folder"}, "upstream": "-", "image_size": 128, "resize": "bicubic",
        "splits": {"train": 0.9, "validation": 0.1, "test": 0.0}, "storage": "in_place",
    })  # fmt: skip
    with tempfile.TemporaryDirectory() as workspace:
        made = prepare(dataset, folder, Path(workspace), progress=False, processes=processes)
        if card:
            make_card(made, folder, Path(workspace), Path(workspace) / "card")


def measured(folder: Path, what: str) -> dict[str, float]:
    """In a process of its own: seconds, and the peak of the largest process in MiB."""
    done = subprocess.run(
        [sys.executable, __file__, "--run", what, "--folder", str(folder)], check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout)


def run(folder: Path, what: str) -> None:
    start = time.perf_counter()
    bare(folder) if what == "bare" else ours(folder, int(what[0]), card=what.endswith("card"))
    seconds = time.perf_counter() - start
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(json.dumps({"seconds": seconds, "peak_mib": peak / 1024}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--run")
    parser.add_argument("--folder", type=Path)
    arguments = parser.parse_args()
    if arguments.run:
        run(arguments.folder, arguments.run)
        return
    with tempfile.TemporaryDirectory() as temporary:
        found: dict[str, dict[str, float]] = {}
        for count in (arguments.images // 10, arguments.images):
            folder = Path(temporary) / str(count)
            write_images(folder, count)
            for what, name in WHAT.items():
                result = measured(folder, what)
                found[f"{count} images, {name}"] = {**result, "images_per_s": count / result["seconds"]}
    from machine import describe  # after measuring: it brings PyTorch, whose memory children would be charged with

    RESULTS.write_text(json.dumps({"machine": describe(), "images": found}, indent=2) + "\n")
    for name, result in found.items():
        print(f"{name:48} {result['images_per_s']:8,.0f} images/s   peak {result['peak_mib']:6.0f} MiB")


if __name__ == "__main__":
    main()
