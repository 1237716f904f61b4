"""What of a metric is printed, beside what tests of the metric itself say."""

import numpy as np
import pytest
import torch
from torch_fidelity.metric_kid import KEY_METRIC_KID_MEAN, kid_features_to_metric

from ldm_pipelines.evaluation.distributions import measure_kid
from ldm_pipelines.evaluation.features import SetFeatures
from ldm_pipelines.evaluation.spec import Distribution
from ldm_pipelines.feature_networks.frechet import GaussianAccumulator

SPEC = Distribution(neighbours=3, is_splits=1, kid_subsets=20, kid_subset_size=40, replicates=0)


def features(count: int, seed: int) -> SetFeatures:
    pool = np.random.default_rng(seed).normal(size=(count, 6)).astype(np.float32)
    moments = GaussianAccumulator()
    moments.add(pool)
    return SetFeatures(pool, None, moments.finish(), None)


def test_kid_has_no_deviation_where_every_subset_is_the_whole_set() -> None:
    made, real = features(40, 0), features(40, 1)
    found = measure_kid(made, real, SPEC, "r_")
    assert list(found.metrics) == ["r_kid"] and found.protocol["kid"].endswith("of all 40 images at once")
    theirs = kid_features_to_metric(
        torch.from_numpy(made.pool), torch.from_numpy(real.pool), kid_subsets=20, kid_subset_size=40, verbose=False
    )
    assert found.metrics["r_kid"] == pytest.approx(theirs[KEY_METRIC_KID_MEAN], abs=1e-6)


def test_kid_of_subsets_has_their_deviation() -> None:
    found = measure_kid(features(41, 0), features(40, 1), SPEC)
    assert found.metrics["kid_std"] > 1e-6 and "20 subsets of 40" in found.protocol["kid"]
