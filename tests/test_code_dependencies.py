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
ROOMS = {
    "data", "preparation", "training", "feature_networks", "autoencoders", "latents", "diffusion", "sampling",
    "evaluation", "analysis", "interop", "reporting", "user_study",
}  # fmt: skip
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
    "evaluate_reference": {"training", "autoencoders"},
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
def test_every_room_whose_code_a_stage_runs_is_among_its_dependencies(graph: Any, stage: str) -> None:
    declared = yaml.safe_load((PROJECT / "dvc.yaml").read_text())["stages"][stage]["do"]["deps"]
    nodes = f"ldm_pipelines.pipelines.{NODES[stage]}.nodes"
    imported = {module.split(".")[1] for module in graph.find_upstream_modules(nodes) if module.count(".")} & ROOMS
    if stage.startswith("evaluate"):
        imported -= {"latents"}
    named = {path.split("/")[2] for path in declared if path.startswith("src/")}
    assert imported - named == TOLD_BY_THEIR_OUTPUT.get(stage, set()) & (imported - named)
    assert f"src/ldm_pipelines/pipelines/{NODES[stage]}" in declared
