"""What one stage costs before and after its own work: the command, Kedro, MLflow.

    python benchmarks/stage_overhead.py [--repeats 5]

Runs a node that does nothing, in a new process each time, in a small Kedro project in a temporary folder: without our
hook, with the hook in a stage that is not tracked, with the hook in a tracked stage. Prints medians as Markdown and
writes them to ``benchmarks/results/stage_overhead.json``. Also measures what a logged training step costs.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import describe

SOURCE = Path(__file__).parents[1] / "src"
RESULTS = Path(__file__).parent / "results/stage_overhead.json"

REGISTRY = """
from kedro.pipeline import Pipeline, node


def register_pipelines():
    names = ("train_diffusion", "tables")
    return {name: Pipeline([node(lambda: 1, None, "x", name=f"{name}.nothing")]) for name in names}
"""
HOOK = "from ldm_pipelines.tracking.hooks import MLflowHook\nHOOKS = (MLflowHook(),)\n"


def make_project(folder: Path, hooks: str) -> Path:
    """A Kedro project with two pipelines of one node each, of which one has a tracked stage's name."""
    files = {
        "pyproject.toml": '[tool.kedro]\npackage_name = "small"\nproject_name = "small"\n'
        'kedro_init_version = "1.7.0"\nsource_dir = "src"\n',
        ".telemetry": "consent: false\n",
        "conf/base/catalog.yml": "",
        "conf/base/parameters.yml": "study: benchmark\n",
        "conf/local/.gitkeep": "",
        "src/small/__init__.py": "",
        "src/small/settings.py": hooks,
        "src/small/pipeline_registry.py": REGISTRY,
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def seconds(folder: Path, *arguments: str) -> float:
    """Wall-clock time of ``python ARGUMENTS`` in ``folder``."""
    environment = os.environ | {"PYTHONPATH": str(SOURCE), "KEDRO_DISABLE_TELEMETRY": "1"}
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=folder, env=environment, check=True, capture_output=True)
    return time.perf_counter() - start


def stage_seconds(repeats: int) -> dict[str, list[float]]:
    """Times of each kind of stage; the kinds take turns, so that a slow moment of the machine meets them all."""
    with tempfile.TemporaryDirectory() as name:
        plain = make_project(Path(name) / "plain", "")
        hooked = make_project(Path(name) / "hooked", HOOK)
        kedro = ("-m", "kedro", "run", "--pipelines")
        kinds = {
            "python, nothing else": (plain, "-c", "pass"),
            "python, import mlflow": (plain, "-c", "import mlflow"),
            "kedro, no hook": (plain, *kedro, "train_diffusion"),
            "kedro, hook, stage not tracked": (hooked, *kedro, "tables"),
            "kedro, hook, tracked stage": (hooked, *kedro, "train_diffusion"),
        }
        first = seconds(*kinds["kedro, hook, tracked stage"])
        for kind in kinds.values():
            seconds(*kind)
        times: dict[str, list[float]] = {label: [] for label in kinds}
        for _ in range(repeats):
            for label, kind in kinds.items():
                times[label].append(seconds(*kind))
        return times | {"the same, first of all (makes the store)": [first]}


def logged_step_microseconds(steps: int = 5000) -> float:
    """Cost of one training step that logs three metrics, writing included."""
    sys.path.insert(0, str(SOURCE))
    from ldm_pipelines.tracking.run import Run
    from ldm_pipelines.tracking.store import open_experiment, open_store

    with tempfile.TemporaryDirectory() as name:
        client = open_store(f"sqlite:///{name}/mlflow.db")
        run = Run(client, open_experiment(client, "benchmark"), "train_diffusion.nothing", {})
        start = time.perf_counter()
        for step in range(steps):
            run.log_live({"train_loss": 0.5, "learning_rate": 1e-4, "grad_norm": 1.0}, step)
        run.end("FINISHED")
        return (time.perf_counter() - start) / steps * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=5)
    times = stage_seconds(parser.parse_args().repeats)
    medians = {label: statistics.median(values) for label, values in times.items()}
    unit = medians["kedro, no hook"]
    print("| one process | seconds (median) | / kedro, no hook |\n|---|---:|---:|")
    for label, value in medians.items():
        print(f"| {label} | {value:.2f} | {value / unit:.2f} |")
    step = logged_step_microseconds()
    print(f"\nA training step that logs three metrics: {step:.0f} µs.")
    report = {
        "machine": describe(),
        "seconds": {label: round(value, 3) for label, value in medians.items()},
        "ratio_to_kedro_without_hook": {label: round(value / unit, 3) for label, value in medians.items()},
        "logged_step_microseconds": round(step, 1),
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
