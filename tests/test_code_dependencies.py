"""dvc.yaml names the code that each stage runs: held against the import graph."""

from pathlib import Path
from typing import Any

import grimp
import pytest
import yaml

PROJECT = Path(__file__).parents[1]
NODES = {
    "prepare_data": "prepare_data", "train_feature_network": "train_feature_network",
    "train_autoencoder": "train_autoencoder", "encode_latents": "encode_latents", "train_diffusion": "train_diffusion",
    "train_latent_classifier": "train_latent_classifier", "import_checkpoint": "import_checkpoint",
    "import_autoencoder": "import_checkpoint", "sample": "sample", "baseline": "baseline",
    "evaluate_reference": "evaluate", "evaluate_samples": "evaluate", "evaluate_reconstruction": "evaluate",
    "sweep": "analysis", "measure_throughput": "analysis", "tables": "tables",
    "figures": "figures", "make_user_study": "user_study", "read_user_study": "user_study",
    "describe_ldm": "describe_ldm",
}  # fmt: skip
EXEMPT = {
    "errors.py": "texts of errors",
    "spec.py": "bases of parameter contracts: the values are parameters of the stage",
    "compute.py": "facts about the machine, which are no dependencies by design; the record names device and precision",
    "tracking": "tells of what a stage makes, and makes nothing of it",
    "pipelines/workspace.py": "where unfinished work lies; who resumes it with other code is told, and the record says so",
    "pipelines/raw_links.py": "links to raw files, which DVC watches",
    "worker_pool.py": "who works, not at what: no result depends on the number of processes",
    "pipelines/__init__.py": "empty",
    "__init__.py": "the version, which is in the record",
    # io is imported by no node: it moves finished folders, and writes what nodes return
}
"""Code that stages run and that is none of their dependencies, and why."""
TOLD_BY_THEIR_OUTPUT = {
    # rooms of which only readers and specs are used: what they wrote is among the stage's inputs, by digest
    "train_diffusion": {"data", "feature_networks"},
    "train_latent_classifier": {"data", "feature_networks"},
    "import_checkpoint": {"latents", "training", "feature_networks"},
    "import_autoencoder": {"data", "diffusion", "latents", "training", "feature_networks"},
    "baseline": {"autoencoders", "diffusion", "latents", "training", "feature_networks"},
    "sample": {"latents", "training", "feature_networks"},
    "encode_latents": {"training", "feature_networks"},
    "train_feature_network": {"evaluation"},
    "evaluate_reference": {"training", "autoencoders", "pipelines/measured.py"},
    "evaluate_samples": {"training"},
    "evaluate_reconstruction": {"training"},
    "make_user_study": {"evaluation"},
    "read_user_study": {"data", "diffusion", "evaluation"},
    "tables": {"evaluation"},
    # what only the other stage of the same file runs
    "sweep": {"training", "latents"},
    "measure_throughput": {"evaluation", "feature_networks"},
    "figures": {"evaluation"},
    "describe_ldm": {
        "seeding.py",
        "digests.py",
        "data",
        "preparation",
        "latents",
        "training",
        "feature_networks",
    },  # networks are built, nothing is computed
}


@pytest.fixture(scope="module")
def graph() -> Any:
    return grimp.build_graph("ldm_pipelines")


@pytest.mark.parametrize("stage", NODES)
def test_all_code_that_a_stage_runs_is_among_its_dependencies(graph: Any, stage: str) -> None:
    declared = yaml.safe_load((PROJECT / "dvc.yaml").read_text())["stages"][stage]["do"]["deps"]
    nodes = f"ldm_pipelines.pipelines.{NODES[stage]}.nodes"
    imported = {place(module) for module in graph.find_upstream_modules(nodes)} - set(EXEMPT)
    if stage.startswith("evaluate"):
        imported -= {"latents"}
    named = {within(path) for path in declared if path.startswith("src/")}
    assert imported - named == TOLD_BY_THEIR_OUTPUT.get(stage, set()) & (imported - named)
    assert f"src/ldm_pipelines/pipelines/{NODES[stage]}" in declared


def place(module: str) -> str:
    """The room of a module; its file where it lies in none."""
    parts = module.split(".")[1:]
    inside = 2 if parts[:1] == ["pipelines"] else 1
    path = "/".join(parts[:inside])
    folder = PROJECT / "src" / "ldm_pipelines" / path
    if len(parts) < inside:
        return f"{path}/__init__.py".lstrip("/")
    return path if folder.is_dir() else f"{path}.py"


def within(path: str) -> str:
    """What a dependency names, as ``place`` does."""
    parts = Path(path).parts[2:]
    return "/".join(parts[: 2 if parts[0] == "pipelines" else 1])


def test_the_exempt_are_there() -> None:
    assert [name for name in EXEMPT if not (PROJECT / "src" / "ldm_pipelines" / name).exists()] == []
