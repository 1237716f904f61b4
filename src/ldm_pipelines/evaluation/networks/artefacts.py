"""Networks as artefacts: a study's own with their weights, published ones by name and digest."""

import json
from pathlib import Path

from ldm_pipelines.compute import Compute
from ldm_pipelines.errors import InputError
from ldm_pipelines.evaluation.networks.measuring import MeasuringNetwork, StudyNetwork
from ldm_pipelines.evaluation.networks.published import DISTANCES, NETWORKS, load_distance, load_published
from ldm_pipelines.evaluation.networks.spec import Published
from ldm_pipelines.feature_networks.features import PerceptualDistance
from ldm_pipelines.feature_networks.networks import load_network, load_perceptual

RECORD = "published.json"


def record_published(spec: Published, workspace: Path, compute: Compute) -> Path:
    """A folder that says which published file the network is; the file itself is read once, to know that it is there.

    Raises:
        InputError: the weights file is missing or another one.
    """
    digest = _digest(spec.kind, compute)
    artefact = workspace / "artefact"
    artefact.mkdir(exist_ok=True)
    record = {"kind": spec.kind, "name": spec.name, "sha256": digest}
    (artefact / RECORD).write_text(json.dumps(record, indent=2) + "\n")
    (artefact / "curves.csv").write_text("step\n")  # nothing was trained
    (artefact / "metrics.json").write_text("{}\n")
    return artefact


def open_network(folder: Path, compute: Compute) -> MeasuringNetwork:
    """The network of an artefact, on the device that ``compute`` names.

    Raises:
        InputError: no network, one that gives distances only, or the published file is missing or another one by now.
    """
    record = _record(folder)
    if record is None:
        return StudyNetwork(load_network(folder), compute.torch_device())
    kind = str(record.get("kind"))
    if kind in DISTANCES:
        raise InputError(
            f"feature network {record['name']!r} ({kind}) is a perceptual distance without pooled features, which FID, "
            "precision and recall need; name it as perceptual_network, and another as feature_network"
        )
    network = load_published(kind, compute.weights_dir, compute.torch_device())
    _check(record, network.digest, compute)
    network.name = str(record["name"])
    return network


def open_distance(folder: Path, compute: Compute) -> PerceptualDistance:
    """The perceptual distance of an artefact: a study's own network, LPIPS, or a published distance.

    Raises:
        InputError: no network, one without such a distance, or the published file is missing or another one by now.
    """
    record = _record(folder)
    if record is None:
        return load_perceptual(folder).to(compute.torch_device())
    kind = str(record.get("kind"))
    if kind in NETWORKS:
        raise InputError(
            f"feature network {record['name']!r} ({kind}) has no perceptual distance; name one of kind "
            f"{', '.join(DISTANCES)} (or a trained one) as perceptual_network"
        )
    distance = load_distance(kind, compute.weights_dir, compute.torch_device())
    _check(record, distance.network.digest, compute)
    distance.network.name = str(record["name"])
    return distance


def _record(folder: Path) -> dict[str, str] | None:
    """What the folder says of a published network; None where it holds a network itself."""
    if not (folder / RECORD).is_file():
        return None
    try:
        record: dict[str, str] = json.loads((folder / RECORD).read_text())
        return {key: record[key] for key in ("kind", "name", "sha256")}
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{folder / RECORD} is damaged ({error}); run its stage again") from error


def _digest(kind: str, compute: Compute) -> str:
    if kind in NETWORKS:
        return load_published(kind, compute.weights_dir, "cpu").digest
    return load_distance(kind, compute.weights_dir, "cpu").network.digest


def _check(record: dict[str, str], digest: str, compute: Compute) -> None:
    if record["sha256"] != digest:
        raise InputError(
            f"feature network {record['name']!r} was recorded with weights {record['sha256'][:12]}…, the file in "
            f"{compute.weights_dir} has {digest[:12]}…; run `kedro run --pipelines=train_feature_network."
            f"{record['name']}` to measure with the new file"
        )
