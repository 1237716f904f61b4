"""Metrics together with what the protocol says of them."""

from dataclasses import dataclass, field
from typing import Any

from ldm_pipelines.data.prepared import PreparedDataset
from ldm_pipelines.evaluation.features import ImageFeatures
from ldm_pipelines.evaluation.inception_score import inception_score
from ldm_pipelines.feature_networks.features import FeatureNetwork


@dataclass(frozen=True)
class Measured:
    """Metrics by name, and how they came about, or why there are none."""

    metrics: dict[str, float] = field(default_factory=dict)
    protocol: dict[str, Any] = field(default_factory=dict)


def measure_inception_score(
    features: ImageFeatures, network: FeatureNetwork, dataset: PreparedDataset, splits: int, name: str
) -> Measured:
    """Metrics ``name`` and ``name_std``; none where the network does not tell the dataset's classes apart.

    A score of other classes, such as quarter turns, would say nothing of the images.
    """
    if not dataset.classes or network.config.get("classes") != dataset.classes:
        return Measured(protocol={"is": "not measured: the feature network's classes are not the dataset's"})
    score = inception_score(features.logits, splits)
    protocol = {"is_splits": splits, "is_order": "permuted as by torch-fidelity, seed 2020"}
    return Measured({name: score.mean, f"{name}_std": score.std}, protocol)
