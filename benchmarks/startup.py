"""Start-up of commands that need no PyTorch, against the same command in an empty Kedro project.

python benchmarks/startup.py
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import describe

PROJECT = Path(__file__).parents[1]
KEDRO = Path(sys.executable).parent / "kedro"
ROUNDS = 9


def empty_project(root: Path) -> Path:
    """What a Kedro project needs, and one node that does nothing."""
    package = root / "src" / "empty"
    package.mkdir(parents=True)
    for environment in ("base", "local"):
        (root / "conf" / environment).mkdir(parents=True)
    (root / "conf" / "base" / "catalog.yml").write_text("{}\n")
    (root / "conf" / "base" / "parameters.yml").write_text("{}\n")
    (root / "conf" / "logging.yml").write_text((PROJECT / "conf" / "logging.yml").read_text())
    (root / "pyproject.toml").write_text(
        '[tool.kedro]\npackage_name = "empty"\nproject_name = "empty"\n'
        'kedro_init_version = "1.7.0"\nsource_dir = "src"\n'
    )
    (package / "__init__.py").touch()
    (package / "settings.py").touch()
    (package / "pipeline_registry.py").write_text(
        "from kedro.pipeline import Pipeline, node\n\n\ndef nothing():\n    return 0\n\n\n"
        "def register_pipelines():\n    empty = Pipeline([node(nothing, None, 'x')])\n"
        "    return {'empty': empty, '__default__': empty}\n"
    )
    return root


def seconds(command: list[str], folder: Path) -> float:
    start = time.perf_counter()
    environment = {**os.environ, "DO_NOT_TRACK": "1"}
    subprocess.run([KEDRO, *command], cwd=folder, env=environment, check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> None:
    pairs = {"registry list": ["registry", "list"], "run --pipelines=tables": ["run", "--pipelines=tables"]}
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        empty = empty_project(Path(folder) / "empty")
        for name, command in pairs.items():
            peer = ["run", "--pipelines=empty"] if command[0] == "run" else command
            times = [(seconds(command, PROJECT), seconds(peer, empty)) for _ in range(ROUNDS + 1)][1:]
            ratios = [ours / theirs for ours, theirs in times]
            results[name] = {
                "ours_s": round(statistics.median(ours for ours, _ in times), 2),
                "empty_project_s": round(statistics.median(theirs for _, theirs in times), 2),
                "ratio": {of.__name__: round(of(ratios), 2) for of in (min, statistics.median, max)},
            }
    result = {"rounds": ROUNDS, "commands": results, "machine": describe()}
    (PROJECT / "benchmarks" / "results" / "startup.json").write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
