"""Recording one stage in the miniature study's dvc.lock: by DVC, and as `kedro reproduce` does it.

python benchmarks/lock.py
"""

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import chdir
from pathlib import Path

from dvc.dvcfile import Lockfile
from dvc.repo import Repo
from machine import describe

from ldm_pipelines.single_stage import record

PROJECT = Path(__file__).parents[1]
STAGE = "evaluate_samples@digits_class"
ROUNDS = 7


def main() -> None:
    theirs, ours = [], []
    with tempfile.TemporaryDirectory() as name, chdir(name):
        for file in ("dvc.yaml", "dvc.lock", "params.yaml"):
            shutil.copy(PROJECT / file, file)
        subprocess.run([sys.executable, "-m", "dvc", "init", "-q", "--no-scm"], check=True)
        with Repo() as repo:
            (stage,) = repo.stage.collect(STAGE)
            lock = Lockfile(repo, str(Path("dvc.lock").resolve()))
            for turn in range(ROUNDS):
                stage.cmd = f"kedro run {turn}"  # something has changed
                for times, write in ((theirs, lock.dump_stages), (ours, lambda stages: record(lock, stages))):
                    before = Path("dvc.lock").read_bytes()
                    start = time.perf_counter()
                    write([stage])
                    times.append(time.perf_counter() - start)
                    after = Path("dvc.lock").read_bytes()
                    if times is theirs:
                        Path("dvc.lock").write_bytes(before)
                        expected = after
                if after != expected:
                    raise SystemExit("the two files differ")
    ratios = sorted(a / b for a, b in zip(ours, theirs, strict=True))
    result = {
        "bytes": len(after),
        "dvc_s": statistics.median(theirs),
        "ours_s": statistics.median(ours),
        "ratio": [statistics.median(ratios), ratios[0], ratios[-1]],
        "machine": describe(),
    }
    (PROJECT / "benchmarks" / "results" / "lock.json").write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
