"""Whether images show the class that was asked for, by a classifier's word."""

import numpy as np
from numpy.typing import NDArray

from ldm_pipelines.evaluation.distributions import OF_SAMPLES
from ldm_pipelines.evaluation.features import SetFeatures
from ldm_pipelines.evaluation.measured import INTERVALS, Measured, intervals
from ldm_pipelines.evaluation.metrics.bootstrap import SEED, bootstrap_mean
from ldm_pipelines.evaluation.networks.measuring import MeasuringNetwork


def knows(network: MeasuringNetwork, classes: list[str]) -> bool:
    """Whether the network's logits tell exactly these classes apart, in whatever order they are named."""
    return bool(classes) and sorted(classes) == sorted(network.classes)


def measure_accuracy(
    made: SetFeatures, labels: NDArray[np.int64], classes: list[str], network: MeasuringNetwork
) -> Measured:
    """Share of images classified as asked, over all and by class.

    Nothing where the network knows other classes, or fewer than two images have one.

    ``labels`` (n,) index ``classes``; -1 is no class.
    """
    if made.logits is None or not knows(network, classes) or (labels >= 0).sum() < 2:
        return Measured()
    right = np.array(network.classes)[made.logits.argmax(axis=1)] == np.array(classes)[labels]
    by_class = {name: right[labels == classes.index(name)] for name in network.classes}
    asked = np.concatenate(list(by_class.values()))
    return Measured(
        {"accuracy": float(asked.mean())},
        {INTERVALS: {"accuracy": OF_SAMPLES}},
        intervals({"accuracy": bootstrap_mean(asked, seed=SEED)})
        | {"accuracy_by_class": {name: float(values.mean()) for name, values in by_class.items() if len(values)}},
    )
