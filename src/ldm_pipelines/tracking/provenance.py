"""Where a result came from: the code, the parameters, the inputs."""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

import yaml

import ldm_pipelines
from ldm_pipelines.compute import Compute, device_name
from ldm_pipelines.digests import digest_folder, digest_result

GENERATED = ("data", "dvc.lock", "mlflow.db*", "mlruns")
"""What stages themselves write: it does not make the code dirty."""

ARTEFACT_FILES = (
    "config.json", "published.json", "dataset.json", "cache.json", "samples.json", "reference.json", "key.json",
)  # fmt: skip
"""One of these lies in every artefact folder; raw data, which may be huge, has none and is not hashed."""

PACKAGES = (
    "torch", "torchvision", "pytorch-lightning", "diffusers", "transformers", "tokenizers", "safetensors",
    "numpy", "scipy", "scikit-learn", "scikit-image", "pandas", "pyarrow", "pillow",
    "torchmetrics", "torch-fidelity", "clean-fid", "lpips",
)  # fmt: skip
"""What computes results, or reads and writes what they are computed from."""

DOUBTS = {
    "code_changed": "code was edited while it ran",
    "resumed_from_other_code": "it went on with work that other code had begun",
}
"""What a record may say, with ``true``, of the commit that it names: not all of the outputs come from its code."""

DVC_TAGS = {"DVC_STAGE": "dvc.stage", "DVC_EXP_NAME": "dvc.experiment", "DVC_EXP_BASELINE_REV": "dvc.baseline"}
"""Set by DVC for the commands it runs: the stage always, the rest by ``dvc exp run`` for queued experiments too."""


class GitState(NamedTuple):
    commit: str | None
    """The full hash; None outside a repository, without git, or before the first commit."""
    dirty: bool
    """Whether files that can change a result differ from that commit (new files count, what stages write does not)."""


def git_commit(root: Path) -> GitState:
    """The commit checked out at ``root`` and whether its code, configuration or parameters were changed since."""
    commit = _git(root, "rev-parse", "--verify", "--quiet", "HEAD")
    if commit is None:
        return GitState(None, True)
    changes = _git(root, "status", "--porcelain", "--", ".", *(f":(exclude){name}" for name in GENERATED))
    return GitState(commit, changes != "")


def commit_exists(root: Path, commit: str) -> bool:
    """Whether the repository at ``root`` has this commit."""
    return _git(root, "cat-file", "-e", f"{commit}^{{commit}}") is not None


def dvc_tags() -> dict[str, str]:
    """Tags that name the DVC stage and experiment which this process belongs to; empty outside DVC."""
    return {tag: os.environ[name] for name, tag in DVC_TAGS.items() if os.environ.get(name)}


def dvc_hashes(project: Path, values: Mapping[str, Any]) -> dict[str, str]:
    """DVC's hash of each value that is the path of an output in ``dvc.lock``, by the value's name.

    Empty outside a DVC stage: only DVC sees to it that its lock tells the state of the inputs.
    """
    lock = project / "dvc.lock"
    if not os.environ.get("DVC_STAGE") or not lock.is_file():
        return {}
    stages = yaml.load(lock.read_text(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))["stages"]  # noqa: S506
    hashes = {out["path"]: out["md5"] for stage in stages.values() for out in stage.get("outs", ()) if "md5" in out}
    paths = {name: os.path.relpath(value, project) for name, value in values.items() if isinstance(value, Path)}
    return {name: hashes[path] for name, path in paths.items() if path in hashes}


def artefact_digests(values: Mapping[str, Any]) -> dict[str, str]:
    """Digest of each value that is the path of an artefact folder, by the value's name."""
    return {
        name: digest_folder(value) for name, value in values.items() if isinstance(value, Path) and is_artefact(value)
    }


def output_digests(values: Mapping[str, Any]) -> dict[str, str]:
    """Digests of a node's artefact folders and results (JSON objects), by name."""
    results = {name: digest_result(value) for name, value in values.items() if isinstance(value, dict)}
    return artefact_digests(values) | results


def package_versions() -> dict[str, str | None]:
    """Versions of what computes a result, without importing it; None when not installed."""
    own = {"ldm_pipelines": ldm_pipelines.__version__, "python": platform.python_version()}
    return own | {name: _version(name) for name in PACKAGES}


def describe_device(compute: Compute) -> dict[str, str]:
    """Kind and name of the device that a stage has computed on, and the precision it was to train in.

    PyTorch is not imported: where the stage has not either, it was the processor.
    """
    kind = compute.device_kind() if "torch" in sys.modules else "cpu"
    return {"kind": kind, "name": device_name(kind), "precision": compute.precision}


def write_record(path: Path, record: Mapping[str, Any]) -> None:
    """JSON at ``path``, replaced atomically.

    A record of a run that made the same outputs in the same way stays, so that doing something again changes nothing;
    but for one of uncommitted or other code, which a record of a commit replaces. DVC removes a stage's record before
    it runs the stage: then it is that of git's last commit.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    present = _parsed(path.read_text() if path.is_file() else _git(path.parent, "show", f"HEAD:./{path.name}"))
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    partial.write_text(json.dumps(present if _repeats(present, record) else record, indent=2) + "\n")
    partial.replace(path)


def _repeats(present: Mapping[str, Any], record: Mapping[str, Any]) -> bool:
    """Whether the present record says the same, but for which run of which commit on which device it was."""
    if not record.get("outputs") or present.get("git_dirty", True) or any(present.get(key) for key in DOUBTS):
        return False
    return all(present.get(key) == record.get(key) for key in ("parameters", "inputs", "outputs", "versions"))


def _parsed(text: str | None) -> Mapping[str, Any]:
    """A record, or an empty one where there is none."""
    try:
        found = json.loads(text or "")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def is_artefact(path: Path) -> bool:
    """Whether it is the folder of a finished artefact."""
    return any((path / name).is_file() for name in ARTEFACT_FILES)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _git(root: Path, *arguments: str) -> str | None:
    """Git's answer, or None when it has none. Never waits for, or takes, the index lock that DVC may hold."""
    environment = os.environ | {"GIT_OPTIONAL_LOCKS": "0"}
    try:
        done = subprocess.run(  # noqa: S603
            ["git", *arguments],  # noqa: S607
            cwd=root,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
