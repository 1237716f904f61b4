"""Reference statistics: an artefact of their own, shared by all evaluations against the same real images."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ldm_pipelines.compute import Compute
from ldm_pipelines.data.prepared import PreparedDataset
from ldm_pipelines.digests import digest_folder
from ldm_pipelines.errors import InputError
from ldm_pipelines.evaluation.features import LOGITS, POOL, SetFeatures, extract
from ldm_pipelines.evaluation.images.statistics import read_statistics, write_statistics
from ldm_pipelines.evaluation.measured import check_size
from ldm_pipelines.evaluation.networks.measuring import MeasuringNetwork
from ldm_pipelines.evaluation.provenance import class_balance, describe_network, describe_reference
from ldm_pipelines.evaluation.spec import Reference

FACTS, STATISTICS, SPATIAL = "reference.json", "statistics.npz", "spatial.npz"
DIGEST_LENGTH = 64
"""Hex digits of a SHA-256."""


def evaluate_reference(
    spec: Reference, dataset_folder: Path, network: MeasuringNetwork, *, workspace: Path, compute: Compute
) -> Path:
    """Features and moments of a split's images. Returns the folder, which ``ReferenceSet`` reads.

    Raises:
        InputError: the split has fewer than 2 images, an image cannot be read, or the network has no pooled features.
    """
    dataset = PreparedDataset(dataset_folder)
    images = dataset.split(spec.split)
    what = f"{spec.dataset}/{spec.split}"
    check_size(f"reference {spec.name!r}: split {spec.split!r} of {spec.dataset!r}", len(images), 2)
    folder = workspace / "artefact"
    features = extract(network, images, folder, compute=compute, what=what)
    facts = describe_reference(dataset, spec.split, len(images))
    facts |= {"class_balance": class_balance(images.labels), "feature_network": describe_network(network)}
    (folder / FACTS).write_text(json.dumps({"name": spec.name, **facts}, indent=2) + "\n")
    write_statistics(folder / STATISTICS, features.moments, facts)
    if features.spatial is not None:
        write_statistics(folder / SPATIAL, features.spatial, facts)
    (folder / LOGITS).unlink(missing_ok=True)  # nothing is asked of them
    return folder


class ReferenceSet:
    """A folder that ``evaluate_reference`` made."""

    def __init__(self, folder: Path) -> None:
        """Raises ``InputError`` where it is not complete."""
        try:
            self.facts: dict[str, Any] = json.loads((folder / FACTS).read_text())
            pool: NDArray[np.float32] = np.load(folder / POOL, mmap_mode="c", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise InputError(f"{folder} is not a finished reference ({error}); run its stage first") from error
        spatial = read_statistics(folder / SPATIAL).gaussian if (folder / SPATIAL).exists() else None
        self.features = SetFeatures(pool, None, read_statistics(folder / STATISTICS).gaussian, spatial)
        self.digest = digest_folder(folder)

    def check(self, network: MeasuringNetwork) -> None:
        """Raises ``InputError`` where the features are of another network."""
        if other := differences(self.facts["feature_network"], network):
            raise InputError(
                f"reference {self.facts['name']!r} was measured with {self.facts['feature_network']['name']!r}, the "
                f"evaluation with {network.name!r}, whose features are others ({other}); run "
                f"`kedro run --pipelines=evaluate_reference.{self.facts['name']}` again"
            )


def differences(known: dict[str, Any], network: MeasuringNetwork) -> str:
    """What tells the network that ``known`` describes from this one; empty where features of both are the same.

    One file of weights serves several networks, which differ in how they resize, or in what they read: so all that
    describes a network counts but its name.
    """
    asked = describe_network(network)
    other = [key for key in {**asked, **known} if key != "name" and known.get(key) != asked.get(key)]
    return "; ".join(f"{key}: {_short(known.get(key))}, now {_short(asked.get(key))}" for key in other)


def _short(value: Any) -> str:
    """Of a digest its first digits."""
    text = "not said" if value is None else str(value)
    return text[:12] if len(text) == DIGEST_LENGTH else text
