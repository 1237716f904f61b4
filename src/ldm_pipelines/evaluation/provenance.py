"""What a result rests on, as it is stored beside the numbers."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ldm_pipelines.data.description import Description
from ldm_pipelines.data.prepared import PreparedDataset
from ldm_pipelines.evaluation.networks.measuring import MeasuringNetwork
from ldm_pipelines.feature_networks.features import PerceptualDistance


def describe_network(network: MeasuringNetwork) -> dict[str, Any]:
    """Which network the features come from: numbers of different networks cannot be compared."""
    return {"name": network.name, "digest": network.digest, **network.config}


def describe_distance(distance: PerceptualDistance) -> dict[str, str]:
    """Which distance pairs are compared by. ``kind`` also tells what ``config`` of one network leaves open: LPIPS and
    PSIM of one backbone, LPIPS of two backbones."""
    network, kind = distance.network, distance.network.kind
    if kind == "lpips":
        learned = type(distance) is PerceptualDistance  # the unweighted one is a class of its own
        kind = f"{'lpips' if learned else 'psim'}_{network.config['net']}"
    return {"name": network.name, "kind": kind, "digest": network.digest}


def describe_reference(dataset: PreparedDataset, split: str, count: int) -> dict[str, Any]:
    """Which real images the numbers refer to, and how they were brought to their size."""
    return {
        "dataset": dataset.name,
        "split": split,
        "count": count,
        "digest": dataset.digest,
        "image_size": dataset.image_size,
        "resize": Description.read(dataset.folder).resize,
    }


def class_balance(labels: NDArray[np.int64]) -> dict[str, int] | None:
    """How evenly the asked classes occur: ``classes`` seen, ``fewest`` and ``most`` images of one; None without."""
    known = labels[labels >= 0]
    if not len(known):
        return None
    counts = np.unique(known, return_counts=True)[1]
    return {"classes": len(counts), "fewest": int(counts.min()), "most": int(counts.max())}
